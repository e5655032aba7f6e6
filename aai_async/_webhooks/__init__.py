"""Notifications of the service, from where they arrive to the wait that they end."""
