"""Speaks TLS to clients and passes what they say on to a port of this machine that speaks none.

usage: tls-front.py CERTIFICATE KEY PORT...

Listens on one free port of 127.0.0.1 for each PORT, prints them on one line, and ends when its standard input does.
"""

import socket
import ssl
import sys
import threading


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except (OSError, ValueError):
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client, context, port):
    try:
        client = context.wrap_socket(client, server_side=True)
        behind = socket.create_connection(("127.0.0.1", port))
    except OSError:
        client.close()
        return
    threading.Thread(target=copy, args=(client, behind), daemon=True).start()
    copy(behind, client)


def listen(listener, context, port):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, context, port), daemon=True).start()


def main():
    certificate, key, *ports = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in ports]
    for listener, port in zip(listeners, ports):
        threading.Thread(target=listen, args=(listener, context, int(port)), daemon=True).start()
    print(*(listener.getsockname()[1] for listener in listeners), flush=True)
    sys.stdin.read()


main()
