"""The responses of the service. Unknown and missing fields never make a response unreadable."""
