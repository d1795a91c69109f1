-- A meter and those that include it, the narrowest first: a bill with one line for all input has it where another
-- has three.
CREATE FUNCTION ledger.wider_meters(meter text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE meter
    WHEN 'uncached_input_tokens' THEN '{uncached_input_tokens,input_tokens,tokens}'::text[]
    WHEN 'cached_input_tokens' THEN '{cached_input_tokens,input_tokens,tokens}'::text[]
    WHEN 'cache_write_tokens' THEN '{cache_write_tokens,input_tokens,uncached_input_tokens,tokens}'::text[]
    WHEN 'cache_write_1h_tokens'
        THEN '{cache_write_1h_tokens,cache_write_tokens,input_tokens,uncached_input_tokens,tokens}'::text[]
    WHEN 'input_tokens' THEN '{input_tokens,uncached_input_tokens,tokens}'::text[]
    WHEN 'audio_input_tokens' THEN '{audio_input_tokens,uncached_input_tokens,input_tokens,tokens}'::text[]
    WHEN 'image_input_tokens' THEN '{image_input_tokens,uncached_input_tokens,input_tokens,tokens}'::text[]
    WHEN 'cached_audio_input_tokens' THEN '{cached_audio_input_tokens,cached_input_tokens,input_tokens,tokens}'::text[]
    WHEN 'cached_image_input_tokens' THEN '{cached_image_input_tokens,cached_input_tokens,input_tokens,tokens}'::text[]
    WHEN 'audio_output_tokens' THEN '{audio_output_tokens,output_tokens,tokens}'::text[]
    WHEN 'image_output_tokens' THEN '{image_output_tokens,output_tokens,tokens}'::text[]
    ELSE ARRAY[meter, 'tokens']
END
