"""Bytes and sockets: everything that depends on how the client library talks.

In: bytes from clients. Out: calls with decoded arguments; replies and sensor payloads as bytes.

    event_loop   the one thread that waits for sockets and clocks
    rpc_wire     msgpack-rpc over TCP
    streams      one connection per sensor subscription
    encodings    C++ classes as arrays of their fields
    payloads     header and body of sensor data

A malformed payload ends the client's process, so sizes follow from types.
"""
