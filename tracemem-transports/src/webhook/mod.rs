//! Standard Webhooks in both directions.
