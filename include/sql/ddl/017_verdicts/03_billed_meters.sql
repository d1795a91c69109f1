-- The words of a line's meter that may be compared with usage.
CREATE FUNCTION ledger.billed_meters() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    '{uncached_input_tokens,cached_input_tokens,cache_write_tokens,cache_write_1h_tokens,input_tokens,audio_input_tokens,
    cached_audio_input_tokens,image_input_tokens,cached_image_input_tokens,output_tokens,audio_output_tokens,
    image_output_tokens,tokens,training_tokens,audio_seconds,video_seconds,accelerator_seconds,compute_seconds,images,
    videos,characters,requests,sessions,web_searches,tool_calls,storage_byte_hours}'::text[]
