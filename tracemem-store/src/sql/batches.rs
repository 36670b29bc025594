//! The statements that write a group, each for several sizes: one round trip to the database writes up to sixteen rows.
//!
//! What they promise together is left to [`group`](super::group).

const CLAIM_KEYS_8: &str = "
INSERT INTO tracemem_keys (tenant, key, fingerprint, agent, stream) VALUES
    ($1, $2, $3, $4, $5),
    ($6, $7, $8, $9, $10),
    ($11, $12, $13, $14, $15),
    ($16, $17, $18, $19, $20),
    ($21, $22, $23, $24, $25),
    ($26, $27, $28, $29, $30),
    ($31, $32, $33, $34, $35),
    ($36, $37, $38, $39, $40)
ON CONFLICT DO NOTHING
RETURNING tenant, key";

const CLAIM_KEYS_1: &str = "
INSERT INTO tracemem_keys (tenant, key, fingerprint, agent, stream) VALUES
    ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
RETURNING tenant, key";

/// Claims keys that nobody holds, and tells which were claimed.
pub(super) const CLAIM_KEYS: &[(usize, &str)] = &[(8, CLAIM_KEYS_8), (1, CLAIM_KEYS_1)];

const CREATE_STREAMS_8: &str = "
INSERT INTO tracemem_streams (tenant, stream, version, status, execution, agent, intent, wake_at, body) VALUES
    ($1, $2, $3, $4, $5, $6, $7, $8, $9),
    ($10, $11, $12, $13, $14, $15, $16, $17, $18),
    ($19, $20, $21, $22, $23, $24, $25, $26, $27),
    ($28, $29, $30, $31, $32, $33, $34, $35, $36),
    ($37, $38, $39, $40, $41, $42, $43, $44, $45),
    ($46, $47, $48, $49, $50, $51, $52, $53, $54),
    ($55, $56, $57, $58, $59, $60, $61, $62, $63),
    ($64, $65, $66, $67, $68, $69, $70, $71, $72)
ON CONFLICT DO NOTHING
RETURNING tenant, stream";

const CREATE_STREAMS_1: &str = "
INSERT INTO tracemem_streams (tenant, stream, version, status, execution, agent, intent, wake_at, body) VALUES
    ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT DO NOTHING
RETURNING tenant, stream";

/// Creates streams that are not there, and tells which were created.
pub(super) const CREATE_STREAMS: &[(usize, &str)] = &[(8, CREATE_STREAMS_8), (1, CREATE_STREAMS_1)];

const ADVANCE_STREAMS_8: &str = "
UPDATE tracemem_streams
SET version = next.column4, status = next.column5, execution = next.column6, agent = next.column7,
    intent = next.column8, wake_at = next.column9, wake_leased_until = NULL, body = next.column10
FROM (VALUES
    ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10),
    ($11, $12, $13, $14, $15, $16, $17, $18, $19, $20),
    ($21, $22, $23, $24, $25, $26, $27, $28, $29, $30),
    ($31, $32, $33, $34, $35, $36, $37, $38, $39, $40),
    ($41, $42, $43, $44, $45, $46, $47, $48, $49, $50),
    ($51, $52, $53, $54, $55, $56, $57, $58, $59, $60),
    ($61, $62, $63, $64, $65, $66, $67, $68, $69, $70),
    ($71, $72, $73, $74, $75, $76, $77, $78, $79, $80)) AS next
WHERE tenant = next.column1 AND stream = next.column2 AND version = next.column3
RETURNING tenant, stream";

const ADVANCE_STREAMS_1: &str = "
UPDATE tracemem_streams
SET version = next.column4, status = next.column5, execution = next.column6, agent = next.column7,
    intent = next.column8, wake_at = next.column9, wake_leased_until = NULL, body = next.column10
FROM (VALUES
    ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)) AS next
WHERE tenant = next.column1 AND stream = next.column2 AND version = next.column3
RETURNING tenant, stream";

/// Moves streams on that are at the version expected, and tells which were moved.
pub(super) const ADVANCE_STREAMS: &[(usize, &str)] =
    &[(8, ADVANCE_STREAMS_8), (1, ADVANCE_STREAMS_1)];

/// The same for Postgres, whose planner may join a list of several to all the streams there are.
pub(super) const ADVANCE_STREAMS_POSTGRES: &[(usize, &str)] = &[(1, ADVANCE_STREAMS_1)];

const APPEND_ENTRIES_16: &str = "
INSERT INTO tracemem_entries (tenant, stream, seq, event, bytes, leaf, disclosures) VALUES
    ($1, $2, $3, $4, $5, $6, $7),
    ($8, $9, $10, $11, $12, $13, $14),
    ($15, $16, $17, $18, $19, $20, $21),
    ($22, $23, $24, $25, $26, $27, $28),
    ($29, $30, $31, $32, $33, $34, $35),
    ($36, $37, $38, $39, $40, $41, $42),
    ($43, $44, $45, $46, $47, $48, $49),
    ($50, $51, $52, $53, $54, $55, $56),
    ($57, $58, $59, $60, $61, $62, $63),
    ($64, $65, $66, $67, $68, $69, $70),
    ($71, $72, $73, $74, $75, $76, $77),
    ($78, $79, $80, $81, $82, $83, $84),
    ($85, $86, $87, $88, $89, $90, $91),
    ($92, $93, $94, $95, $96, $97, $98),
    ($99, $100, $101, $102, $103, $104, $105),
    ($106, $107, $108, $109, $110, $111, $112)";

const APPEND_ENTRIES_4: &str = "
INSERT INTO tracemem_entries (tenant, stream, seq, event, bytes, leaf, disclosures) VALUES
    ($1, $2, $3, $4, $5, $6, $7),
    ($8, $9, $10, $11, $12, $13, $14),
    ($15, $16, $17, $18, $19, $20, $21),
    ($22, $23, $24, $25, $26, $27, $28)";

const APPEND_ENTRIES_1: &str = "
INSERT INTO tracemem_entries (tenant, stream, seq, event, bytes, leaf, disclosures) VALUES
    ($1, $2, $3, $4, $5, $6, $7)";

/// Appends entries.
pub(super) const APPEND_ENTRIES: &[(usize, &str)] = &[
    (16, APPEND_ENTRIES_16),
    (4, APPEND_ENTRIES_4),
    (1, APPEND_ENTRIES_1),
];

const MARK_TO_SEAL_8: &str = "
INSERT INTO tracemem_to_seal (tenant, stream, first_seq, last_seq) VALUES
    ($1, $2, $3, $4),
    ($5, $6, $7, $8),
    ($9, $10, $11, $12),
    ($13, $14, $15, $16),
    ($17, $18, $19, $20),
    ($21, $22, $23, $24),
    ($25, $26, $27, $28),
    ($29, $30, $31, $32)";

const MARK_TO_SEAL_1: &str = "
INSERT INTO tracemem_to_seal (tenant, stream, first_seq, last_seq) VALUES
    ($1, $2, $3, $4)";

/// Marks entries to be sealed.
pub(super) const MARK_TO_SEAL: &[(usize, &str)] = &[(8, MARK_TO_SEAL_8), (1, MARK_TO_SEAL_1)];

const ADD_TERMS_8: &str = "
INSERT INTO tracemem_terms (tenant, kind, value, stream) VALUES
    ($1, $2, $3, $4),
    ($5, $6, $7, $8),
    ($9, $10, $11, $12),
    ($13, $14, $15, $16),
    ($17, $18, $19, $20),
    ($21, $22, $23, $24),
    ($25, $26, $27, $28),
    ($29, $30, $31, $32)
ON CONFLICT DO NOTHING";

const ADD_TERMS_1: &str = "
INSERT INTO tracemem_terms (tenant, kind, value, stream) VALUES
    ($1, $2, $3, $4)
ON CONFLICT DO NOTHING";

/// Adds index terms that are not there.
pub(super) const ADD_TERMS: &[(usize, &str)] = &[(8, ADD_TERMS_8), (1, ADD_TERMS_1)];

/// Cuts rows into pieces as large as the texts that there are, the largest first. The last text must take one row.
pub(crate) fn batches<'a, T>(
    mut rows: &'a [T],
    texts: &'static [(usize, &'static str)],
) -> impl Iterator<Item = (&'static str, &'a [T])> {
    std::iter::from_fn(move || {
        let (size, text) = texts.iter().find(|(size, _)| *size <= rows.len())?;
        let (batch, rest) = rows
            .split_at_checked(*size)
            .filter(|(batch, _)| !batch.is_empty())?;
        rows = rest;
        Some((*text, batch))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&[(usize, &str)]; 6] = [
        CLAIM_KEYS,
        CREATE_STREAMS,
        ADVANCE_STREAMS,
        APPEND_ENTRIES,
        MARK_TO_SEAL,
        ADD_TERMS,
    ];

    #[test]
    fn rows_are_cut_into_the_largest_pieces_and_none_is_left() {
        let rows: Vec<u8> = (0..23).collect();
        let texts: &[(usize, &str)] = &[(16, "sixteen"), (4, "four"), (1, "one")];
        let pieces: Vec<_> = batches(&rows, texts)
            .map(|(text, piece)| (text, piece.len()))
            .collect();
        assert_eq!(
            pieces,
            [
                ("sixteen", 16),
                ("four", 4),
                ("one", 1),
                ("one", 1),
                ("one", 1)
            ]
        );
        let all: Vec<u8> = batches(&rows, texts)
            .flat_map(|(_, piece)| piece.to_vec())
            .collect();
        assert_eq!(all, rows);
    }

    #[test]
    fn every_row_of_a_statement_has_parameters_of_its_own() {
        for texts in ALL {
            for (_, text) in texts {
                let numbers = text.split('$').skip(1).map(|rest| {
                    let digits = rest
                        .find(|c: char| !c.is_ascii_digit())
                        .unwrap_or(rest.len());
                    rest.get(..digits)
                        .and_then(|digits| digits.parse::<usize>().ok())
                });
                assert!(
                    (1..)
                        .zip(numbers)
                        .all(|(place, number)| number == Some(place)),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn a_statement_takes_as_many_rows_as_it_says_and_the_last_takes_one() {
        for texts in ALL {
            for (rows, text) in texts {
                assert_eq!(text.matches("($").count(), *rows, "{text}");
            }
            assert_eq!(texts.last().map(|(rows, _)| *rows), Some(1));
        }
    }
}
