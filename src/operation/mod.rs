//! What a client asks for: parsed, validated, within limits, with its variables coerced.
