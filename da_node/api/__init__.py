"""The node over HTTP: one table of routes, thin handlers, and what guards them.

`routes` says what a route is and `openapi` describes them all, `application` puts them together,
`connection` holds the deadlines and answers that come before a request exists, `serving` starts and
stops a node that listens. `ranges`, `parameters` and `clients` are pure. A member of a committee
adds routes of its own to `node_routes`.
"""
