"""The client side: what calls a supervisor, and starts one.

``exchange`` is the protocol without I/O and ``asks`` what may be asked; ``link`` and ``async_link`` move the bytes;
``Client`` and ``AsyncClient`` are what users see of it. A worker that calls nobody loads none of this.
"""
