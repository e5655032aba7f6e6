"""Response bodies of the API, created by pure functions; `app` has the routes and status codes."""
