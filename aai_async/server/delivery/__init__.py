"""Webhooks: where one may go (`webhook`), what is still to be told (`outbox`), who tells it (`courier`)."""
