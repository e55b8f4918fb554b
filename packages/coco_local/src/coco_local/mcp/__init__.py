"""CoCo for agents: the MCP server (stdio and streamable HTTP) and the clients' installers.

Importing this package costs nothing; `server`, `stdio` and `install` are imported where needed.
"""
