//! Mail: approvals as links to named people, and how they ended.
