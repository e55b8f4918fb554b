"""The HTTP service: authentication, limits, routes and streams over the store and the queue."""
