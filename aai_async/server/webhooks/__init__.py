"""Webhooks: their URLs and headers (`webhook`), pending notices (`outbox`) and delivery (`courier`)."""
