"""What the service answers, as documents made by pure functions; statuses and routes are `app`'s."""
