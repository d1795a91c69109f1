-- The first of the words that each of a number of lines has; `lines` is all their words. Semicolons between words.
CREATE FUNCTION ledger.shared_word(words text, lines text, line_count bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN (
    SELECT word
    FROM unnest(string_to_array(words, ';')) AS word
    WHERE (SELECT count(*) FROM unnest(string_to_array(lines, ';')) AS other WHERE other = word) = line_count
    ORDER BY word
    LIMIT 1
)
