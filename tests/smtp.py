"""A mail server of the tests' own on loopback: takes mail, refuses some, breaks when told to.

RFC 5321, as much of it as a client needs; it runs in a thread of its own.
"""

import asyncio
import base64
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class Sink:
    """``refuse``: address -> the answer to RCPT; ``break_after``: mails, then every connection is
    cut at its first command. ``password``: AUTH PLAIN is demanded.
    """

    refuse: dict[str, str] = field(default_factory=dict)
    break_after: int | None = None
    cut_after: int | None = None  # mails of a connection, then it is cut
    password: str = ""
    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> "Sink":
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    @property
    def to(self) -> list[str]:
        return [str(mail["To"]) for mail in self.mails]

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        start = asyncio.start_server(self._serve, "127.0.0.1", 0)
        server = self._loop.run_until_complete(start)
        self.port = int(server.sockets[0].getsockname()[1])
        ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        taken = 0
        writer.write(b"220 sink\r\n")
        try:
            while line := (await reader.readline()).decode("ascii", "replace").strip():
                verb, _, rest = line.partition(" ")
                if self.break_after is not None and len(self.mails) >= self.break_after:
                    break
                if verb.upper() == "DATA":
                    writer.write(b"354 go on\r\n")
                    text = await reader.readuntil(b"\r\n.\r\n")
                    mail = message_from_bytes(text[:-5], policy=policy.default)
                    self.mails.append(mail)
                    writer.write(b"250 taken\r\n")
                    taken += 1
                else:
                    writer.write(self._answer(verb.upper(), rest))
                if verb.upper() == "QUIT" or taken == self.cut_after:
                    await writer.drain()
                    break
        finally:
            writer.close()

    def _answer(self, verb: str, rest: str) -> bytes:
        if verb == "EHLO":
            return b"250-sink\r\n250 AUTH PLAIN\r\n"
        if verb == "AUTH":
            return b"235 welcome\r\n" if self._knows(rest) else b"535 who are you?\r\n"
        if verb == "RCPT" and (said := self.refuse.get(rest[4:-1])):
            return f"{said}\r\n".encode()
        return b"250 ok\r\n"

    def _knows(self, rest: str) -> bool:
        return base64.b64decode(rest.split()[-1]).endswith(f"\0{self.password}".encode())
