"""
The compression of the service's responses in a journal: zlib with a dictionary, which the journal contains.

Most of a short response is the names of its fields, so that the dictionary saves a quarter of its size.
"""

from __future__ import annotations

import sqlite3
import zlib

DICTIONARY = (
    b'null,"language_detection_results":null,"metadata":null,"speech_models":null,"speech_model_used":null,'
    b'"speech_understanding":null,"translated_texts":null,"utterances":[{"speaker":"A","channel":"1",'
    b'{"id":"","speech_model":null,"language_model":"assemblyai_default",'
    b'"acoustic_model":"assemblyai_default","language_code":"en_us","language_detection":false,'
    b'"language_confidence_threshold":null,"language_confidence":null,"status":"completed",'
    b'"audio_url":"https://cdn.assemblyai.com/upload/","text":"'
    b'","utterances":null,"confidence":0.9,"audio_duration":1,"punctuate":true,"format_text":true,'
    b'"multichannel":false,"webhook_url":null,"webhook_status_code":null,"webhook_auth":false,'
    b'"webhook_auth_header_name":null,"auto_highlights_result":null,"auto_highlights":false,'
    b'"audio_start_from":null,"audio_end_at":null,"filter_profanity":false,"redact_pii":false,'
    b'"redact_pii_audio":false,"redact_pii_audio_quality":null,"redact_pii_policies":null,'
    b'"redact_pii_sub":null,"speaker_labels":false,"content_safety":false,"iab_categories":false,'
    b'"content_safety_labels":null,"iab_categories_result":null,"custom_spelling":null,"throttled":null,'
    b'"auto_chapters":false,"summarization":false,"summary_type":null,"summary_model":null,'
    b'"custom_topics":false,"topics":[],"speech_threshold":null,"remove_audio_tags":null,'
    b'"disfluencies":false,"sentiment_analysis":false,"sentiment_analysis_results":null,'
    b'"entity_detection":false,"entities":null,"chapters":null,"summary":null,"speakers_expected":null,'
    b'"words":[{"text":"the","start":0,"end":0,"confidence":0.9,"speaker":null},'
    b'{"text":"the","start":0,"end":0,"confidence":0.9,"speaker":"A"}'
)
"""
The dictionary of new journals: the fields of a response in the order of the service, the most frequent last.

Source: the example of a completed transcript in the API reference.
"""


def compressed(connection: sqlite3.Connection, body: bytes) -> bytes:
    """Compress a response with the dictionary of a journal."""
    [dictionary] = connection.execute("SELECT dictionary FROM account").fetchone()
    compressor = zlib.compressobj(zdict=dictionary)
    return compressor.compress(body) + compressor.flush()


def decompressed(content: bytes, dictionary: bytes) -> bytes:
    """
    Return a response.

    Raises:
        zlib.error: It is damaged.
    """
    decompressor = zlib.decompressobj(zdict=dictionary)
    body = decompressor.decompress(content)
    if not decompressor.eof:
        raise zlib.error("it is incomplete")
    return body
