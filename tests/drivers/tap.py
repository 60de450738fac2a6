"""Between a driver and the simulator: what a driver sends first, byte by byte."""

import socket
import threading


class Tap:
    """Serves every connection; `chunks` of each are what came in one read from the driver."""

    def __init__(self, host, port):
        self.target = (host, port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.target)
            chunks = []
            self.connections.append(chunks)
            threading.Thread(target=_pump, args=(client, server, chunks), daemon=True).start()
            threading.Thread(target=_pump, args=(server, client, None), daemon=True).start()

    def close(self):
        self.listener.close()


def _pump(source, to, chunks):
    try:
        while data := source.recv(65536):
            if chunks is not None:
                chunks.append(data)
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def commands(data):
    """The commands in bytes of a client: lists of words, each with its own bytes."""
    found, at = [], 0

    def line():
        nonlocal at
        end = data.index(b"\r\n", at)
        text, at = data[at:end], end + 2
        return text

    while at < len(data):
        begin = at
        count = line()
        if not count.startswith(b"*"):
            raise ValueError(f"no command: {data[begin:begin + 40]!r}")
        words = []
        for _ in range(int(count[1:])):
            size = int(line()[1:])
            words.append(data[at : at + size].decode(errors="replace"))
            at += size + 2
        found.append((words, data[begin:at]))
    return found
