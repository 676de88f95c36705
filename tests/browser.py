"""A page in headless Chromium: all of it there, nothing too wide, nothing too small to read."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LOOK = """
<body><iframe style="border:0" height=900 width={width}></iframe><script>
const frame = document.querySelector("iframe");
frame.onload = () => {{
  const page = frame.contentDocument, all = [...page.querySelectorAll("p, td, th, pre, figcaption, h1, h2")];
  const plots = [...page.querySelectorAll("svg.plot")];
  const look = {{
    overflow: page.documentElement.scrollWidth - frame.clientWidth,
    hidden_px: Math.max(0, ...[...page.querySelectorAll(".scrolls")].map(e => e.scrollWidth - e.clientWidth)),
    missing: [...page.images].filter(i => !i.complete || !i.naturalWidth).length,
    images: page.images.length,
    smallest_px: Math.min(...all.map(e => parseFloat(frame.contentWindow.getComputedStyle(e).fontSize))),
    plot_text_px: Math.min(99, ...plots.map(p => 11 * p.getBoundingClientRect().width / p.viewBox.baseVal.width)),
    paper: frame.contentWindow.getComputedStyle(page.body).backgroundColor,
  }};
  document.body.innerHTML = "<pre id=look>" + JSON.stringify(look) + "</pre>";
}};
frame.srcdoc = {page};
</script></body>
"""

LOOKS = [(400, "light"), (1600, "dark")]
"""A telephone and a wide screen."""

_PAPER = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 28)"}


def look_at(page: str, folder: Path, *, width: int, scheme: str) -> None:
    """Fails unless the page is whole and can be read at this width in this scheme, light or dark."""
    quoted = json.dumps(page).replace("</", "<\\/")
    (folder / "look.html").write_text(LOOK.format(width=width, page=quoted), encoding="utf-8")
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1800,1000", "--enable-logging=stderr",
        "--virtual-time-budget=10000", f"--blink-settings=preferredColorScheme={['dark', 'light'].index(scheme)}",
        f"--user-data-dir={folder / 'profile'}", "--dump-dom", (folder / "look.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = re.search(r"<pre id=\"look\">(.*?)</pre>", done.stdout)
    assert found, done.stderr
    look = json.loads(html.unescape(found[1]))
    assert look["overflow"] <= 0
    assert width < 1000 or look["hidden_px"] <= 0  # a wide screen shows whole tables
    assert (look["missing"], look["images"]) == (0, page.count("<img"))
    assert look["smallest_px"] >= 12
    assert look["plot_text_px"] >= 9
    assert look["paper"] == _PAPER[scheme]
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
