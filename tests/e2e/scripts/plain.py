"""Upload, submit and poll, as the service's first guide writes it; where to go is in the environment."""

import os
import sys
import time

import requests

base_url = os.environ["ASSEMBLYAI_BASE_URL"]
headers = {"authorization": os.environ["ASSEMBLYAI_API_KEY"]}

with open(sys.argv[1], "rb") as f:  # noqa: PTH123 - as the guide has it
    response = requests.post(base_url + "/v2/upload", headers=headers, data=f, timeout=30)

upload_url = response.json()["upload_url"]
data = {
    "audio_url": upload_url,
    "speech_models": ["assemblyai-stt-3-7", "universal-2"],
    "language_detection": True,
    "speaker_labels": True,
}

response = requests.post(base_url + "/v2/transcript", json=data, headers=headers, timeout=30)
transcript_id = response.json()["id"]
polling_endpoint = base_url + "/v2/transcript/" + transcript_id

while True:
    transcription_result = requests.get(polling_endpoint, headers=headers, timeout=30).json()
    if transcription_result["status"] == "completed":
        break
    if transcription_result["status"] == "error":
        raise RuntimeError(f"Transcription failed: {transcription_result['error']}")
    time.sleep(0.1)

print(transcription_result["text"])
for utterance in transcription_result["utterances"]:
    print(f"Speaker {utterance['speaker']}: {utterance['text']}")
