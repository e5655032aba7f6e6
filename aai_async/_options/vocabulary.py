"""
The known values of options.

Each type is open: an editor completes the values below, and a value that the service adds later is accepted.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

SpeechModel: TypeAlias = Literal["assemblyai-stt-3-7", "universal-3-5-pro", "universal-2"] | str
"""
A speech model (https://www.assemblyai.com/docs/pre-recorded-audio/select-the-speech-model).

`universal-3-5-pro` is deprecated by the service since November 2026.
"""

# fmt: off
LanguageCode: TypeAlias = Literal[
    "en", "en_au", "en_uk", "en_us", "es", "fr", "de", "it", "pt", "nl", "af", "sq", "am", "ar", "hy",
    "as", "az", "ba", "eu", "be", "bn", "bs", "br", "bg", "my", "ca", "zh", "hr", "cs", "da", "de_ch",
    "et", "fo", "fi", "gl", "ka", "el", "gu", "ht", "ha", "haw", "he", "hi", "hu", "is", "id", "ja", "jw",
    "kn", "kk", "km", "ko", "lo", "la", "lv", "ln", "lt", "lb", "mk", "mg", "ms", "ml", "mt", "mi", "mr",
    "mn", "ne", "no", "nn", "oc", "pa", "ps", "fa", "pl", "ro", "ru", "sa", "sr", "sn", "sd", "si", "sk",
    "sl", "so", "su", "sw", "sv", "tl", "tg", "ta", "tt", "te", "th", "bo", "tr", "tk", "uk", "ur", "uz",
    "vi", "cy", "yi", "yo",
] | str
"""A spoken language (https://www.assemblyai.com/docs/pre-recorded-audio/supported-languages)."""

PIIPolicy: TypeAlias = Literal[
    "account_number", "banking_information", "blood_type", "credit_card_cvv", "credit_card_expiration",
    "credit_card_number", "date", "date_interval", "date_of_birth", "drivers_license", "drug", "duration",
    "email_address", "event", "filename", "gender", "gender_sexuality", "healthcare_number", "injury",
    "ip_address", "language", "location", "location_address", "location_address_street", "location_city",
    "location_coordinate", "location_country", "location_state", "location_zip", "marital_status",
    "medical_condition", "medical_process", "money_amount", "nationality", "number_sequence",
    "occupation", "organization", "organization_medical_facility", "passport_number", "password",
    "person_age", "person_name", "phone_number", "physical_attribute", "political_affiliation",
    "religion", "sexuality", "statistics", "time", "url", "us_social_security_number", "username",
    "vehicle_id", "zodiac_sign",
] | str
"""A kind of personal data (https://www.assemblyai.com/docs/pii-redaction)."""
# fmt: on

PIISubstitution: TypeAlias = Literal["hash", "entity_name"] | str
"""The replacement for redacted text: a run of `#`, or `[PERSON_NAME]`."""

AudioQuality: TypeAlias = Literal["mp3", "wav"] | str
"""The format of a redacted recording."""

SummaryModel: TypeAlias = Literal["informative", "conversational", "catchy"] | str
"""The model of the deprecated `summarization`."""

SummaryType: TypeAlias = Literal["bullets", "bullets_verbose", "gist", "headline", "paragraph"] | str
"""The form of the deprecated `summarization`."""

Effort: TypeAlias = Literal["low", "medium"] | str
"""How much processing a speech-understanding task can use: quality against cost."""
