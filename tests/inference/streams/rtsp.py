"""A camera in a network that speaks RTSP (RFC 2326), on this machine, as well and as badly as such cameras do."""

import socket
import struct
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from types import TracebackType
from typing import Literal

import av
import numpy as np

GOODBYE = bytes.fromhex("80c90001 00000000 81cb0001 00000000")  # RTCP (RFC 3550): a report of nothing, and BYE
DESCRIPTION = """v=0\r
o=- 0 0 IN IP4 127.0.0.1\r
s=camera\r
c=IN IP4 0.0.0.0\r
t=0 0\r
m={kind} 0 RTP/AVP 96\r
a=rtpmap:96 {codec}\r
a=control:track\r
"""


def rtp_packets(pictures: Iterable[np.ndarray], *, fps: int) -> list[list[bytes]]:
    """H.264 in packets of RTP (RFC 6184), those of each picture together."""

    class Sink:
        def __init__(self) -> None:
            self.packets: list[bytes] = []

        def write(self, packet: bytes) -> int:
            if not 200 <= packet[1] <= 204:  # FFmpeg's own RTCP, whose clock is of no use here
                self.packets.append(bytes(packet))
            return len(packet)

    packets = []
    sink = Sink()
    with av.open(sink, "w", format="rtp", options={"packetsize": "1400"}) as container:
        video = None
        for number, picture in enumerate(pictures):
            if video is None:
                video = container.add_stream("libx264", rate=Fraction(fps))
                video.height, video.width, video.pix_fmt = *picture.shape[:2], "yuv420p"
                video.options = {"tune": "zerolatency", "g": "5"}
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
            packets.append(sink.packets)
            sink.packets = []
    return packets


class RtspServer:
    """Sends the packets of one picture after the other to the first who asks; then says goodbye, or what `then` says.

    Args:
        packets: of each picture.
        every_s: time between pictures.
        transport: the only one that it speaks; the other is refused with 461, as some cameras do.
        then: "goodbye" as RTCP has it; "hang up" in the middle of a packet; "silence", with the connection open.
        status: what it answers to DESCRIBE; None: nothing at all.
        kind: of what it describes.

    Attributes:
        url: to ask for.
        asked: the methods of the requests so far.
        sent_s: when each picture was sent, by `time.monotonic`.
    """

    def __init__(
        self,
        packets: list[list[bytes]],
        *,
        every_s: float = 0.05,
        transport: Literal["tcp", "udp"] = "tcp",
        then: Literal["goodbye", "hang up", "silence"] = "goodbye",
        status: int | None = 200,
        kind: Literal["video", "audio"] = "video",
    ) -> None:
        self._packets, self._every_s, self._transport, self._then = packets, every_s, transport, then
        self._status, self._kind = status, kind
        self._closed = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsp://127.0.0.1:{self._server.getsockname()[1]}/live"
        self.asked: list[str] = []
        self.sent_s: list[float] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "RtspServer":
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closed.set()
        self._server.shutdown(socket.SHUT_RDWR)  # else `accept` goes on waiting
        self._server.close()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        with suppress(OSError):  # who asked hung up, or nobody did and the test is over
            connection, _ = self._server.accept()
            with connection, connection.makefile("rb") as requests:
                self._answer(connection, requests)

    def _answer(self, connection: socket.socket, requests: Iterable[bytes]) -> None:
        client_port = 0
        while (request := _read_request(requests)) is not None:
            method = request[""].split()[0]
            self.asked.append(method)
            code, head, body = 200, {"CSeq": request["cseq"], "Session": "1"}, ""
            if method == "OPTIONS":
                head["Public"] = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"
            elif method == "DESCRIBE":
                if self._status is None:
                    self._closed.wait(30)
                    return
                code, head["Content-Type"] = self._status, "application/sdp"
                codec = "H264/90000" if self._kind == "video" else "L16/8000"
                body = DESCRIPTION.format(kind=self._kind, codec=codec) if code == 200 else ""
            elif method == "SETUP":
                asked = request["transport"]
                code = 200 if ("TCP" in asked) == (self._transport == "tcp") else 461
                head["Transport"] = asked
                if "client_port=" in asked:
                    client_port = int(asked.split("client_port=")[1].split("-")[0])
                    head["Transport"] += ";server_port=9000-9001"
            head["Content-Length"] = str(len(body))
            lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
            connection.sendall(f"RTSP/1.0 {code} -\r\n{lines}\r\n{body}".encode())
            if method == "PLAY":
                self._play(connection, client_port)
                return

    def _play(self, connection: socket.socket, client_port: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:

            def send(packet: bytes, channel: int) -> None:
                if client_port:
                    datagrams.sendto(packet, ("127.0.0.1", client_port + channel))
                else:
                    connection.sendall(struct.pack(">cBH", b"$", channel, len(packet)) + packet)

            for of_picture in self._packets:
                self.sent_s.append(time.monotonic())
                for packet in of_picture:
                    send(packet, 0)
                if self._closed.wait(self._every_s):
                    return
            if self._then == "goodbye":
                send(GOODBYE, 1)
            elif self._then == "hang up":
                connection.sendall(struct.pack(">cBH", b"$", 0, 1400) + bytes(100))
                return
            self._closed.wait(30)


def _read_request(requests: Iterable[bytes]) -> dict[str, str] | None:
    """Headers by their names in small letters, the first line under the empty name; None when no more come."""
    found: dict[str, str] = {}
    for line in requests:
        text = line.decode().strip()
        if not text:
            return found
        name, _, value = text.partition(": ") if found else ("", "", text)
        found[name.lower()] = value
    return None
