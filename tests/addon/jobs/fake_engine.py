"""Speaks the engine's protocol without torch. What it does is named in the job's negative prompt.

Run through a small wrapper, it is the "Python" that the add-on is told of; so it is called with an
interpreter's arguments, after the folder of a result, and answers the probe for the engine's modules as well.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

STEPS = 20
RESULT = Path(sys.argv[1])
"""Holds the result of every job."""


class Engine:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spec = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        self.stop = threading.Event()
        self.going = threading.Event()
        self.going.set()
        self.step = 0
        (folder / "engine.pid").write_text(str(os.getpid()))
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        pending = b""
        while chunk := os.read(0, 4096):
            pending += chunk
            *lines, pending = pending.split(b"\n")
            for line in lines:
                if b'"pause"' in line:
                    self.going.clear()
                elif b'"resume"' in line:
                    self.going.set()
            if any(b'"cancel"' in line for line in lines):
                break
        self.stop.set()
        self.going.set()

    def tell(self, event: str, **values: object) -> None:
        line = json.dumps({"event": event, **values}, ensure_ascii=False).encode() + b"\n"
        with (self.folder / "events.jsonl").open("ab") as records:
            records.write(line)
        # Who listened may be gone; the end of stdin then stops this engine.
        with contextlib.suppress(OSError):
            os.write(1, line)

    def steps(self, count: int, seconds: float) -> None:
        self.tell("phase", name="optimising")
        for _ in range(count):
            if not self.going.is_set():
                self.tell("paused", step=self.step)
                self.going.wait()
                self.tell("went_on", step=self.step)
            if self.stop.is_set():
                (self.folder / "checkpoint.safetensors").write_text(str(self.step))
                self.tell("checkpoint", path="checkpoint.safetensors", step=self.step)
                self.tell("cancelled", step=self.step)
                sys.exit(3)
            time.sleep(seconds)
            self.step += 1
            self.tell("progress", step=self.step, total=count, steps_per_second=5.0, eta_seconds=1.0)

    def preview(self) -> None:
        path = self.folder / "previews" / f"{self.step:06d}.png"
        path.write_bytes(b"png")
        self.tell("preview", path=f"previews/{path.name}", step=self.step)

    def result(self) -> None:
        shutil.copytree(RESULT, self.folder / "result", dirs_exist_ok=True)
        self.tell(
            "result", files={"field": "result/field.npz", "mesh": "result/mesh.npz"}, metrics={"steps": self.step}
        )

    # ---- What a job may ask for -----------------------------------------------------------------------------------

    def success(self) -> None:
        self.tell("phase", name="loading the model")
        self.tell("warning", message=self.spec["prompt"])
        self.steps(STEPS, 0.005)
        self.preview()
        self.result()

    def film(self) -> None:
        """Have the object whole, and then take long over its pictures."""
        self.steps(STEPS, 0.005)
        shutil.copytree(RESULT, self.folder / "result", dirs_exist_ok=True)
        self.tell("object")
        while not (self.folder / "filmed").exists():
            time.sleep(0.01)
        self.result()

    def patient(self) -> None:
        """Take long, but hear a cancel."""
        self.steps(10_000, 0.05)

    def two_sessions(self) -> None:
        """Take long, and go on quickly from a checkpoint."""
        resumed = (self.folder / "checkpoint.safetensors").exists()
        self.steps(STEPS if resumed else 10_000, 0.05)
        self.result()

    def deaf(self) -> None:
        """Hear nothing, and have a child that hears nothing."""
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], stdin=subprocess.DEVNULL)
        (self.folder / "child.pid").write_text(str(child.pid))
        self.tell("phase", name="optimising")
        time.sleep(300)

    def error(self) -> None:
        self.tell("error", code="unknown_model", message="There is no such model.", hint="Choose another.")
        sys.exit(1)

    def garbage(self) -> None:
        for line in (b"Loading weights: 100%", b"\xff\xfe\x00", b"{", b'{"event": "later"}', b"[" * 50_000, b"null"):
            os.write(1, line + b"\n")
        self.success()

    def crash(self) -> None:
        print("Traceback (most recent call last):\nModuleNotFoundError: No module named 'torch'", file=sys.stderr)
        sys.exit(1)

    def killed(self) -> None:
        (self.folder / "checkpoint.safetensors").write_text("7")
        os.kill(os.getpid(), signal.SIGKILL)

    def silent(self) -> None:
        pass

    def lingering(self) -> None:
        self.result()
        time.sleep(300)


def main() -> None:
    if "-c" in sys.argv:
        print(json.dumps({"version": [3, 13], "missing": []}))
        return
    engine = Engine(Path(sys.argv[-1]))
    getattr(engine, (engine.spec["negative_prompt"] or "success").replace(" ", "_"))()


if __name__ == "__main__":
    main()
