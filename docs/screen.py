#!/usr/bin/env python3
"""Makes docs/screen.svg from a real run: cmhook demo with colours, as it is printed.

    cargo build --release && python3 docs/screen.py
"""

import html
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
CMHOOK = ROOT / "target" / "release" / "cmhook"
COMMAND = ["cmhook", "demo", "--count", "5", "--interval", "700ms"]
COLUMNS = 110
LINE, CHAR = 19, 8.43
# Colours of a dark terminal, by the number of the escape sequence.
COLOURS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341"}


def wrap(line):
    """Cuts a line as a terminal would, with each character's style."""
    cells, style, at = [], "", 0
    for match in re.finditer(r"\x1b\[([0-9;]*)m|(.)", line):
        if match.group(2) is None:
            style = "" if match.group(1) in ("", "0") else f"{style};{match.group(1)}"
        else:
            cells.append((match.group(2), style))
    return [cells[at : at + COLUMNS] for at in range(0, max(len(cells), 1), COLUMNS)]


def spans(cells):
    """Runs of one style as SVG."""
    out, at = [], 0
    while at < len(cells):
        end = at
        while end < len(cells) and cells[end][1] == cells[at][1]:
            end += 1
        codes = cells[at][1].split(";")
        text = html.escape("".join(c for c, _ in cells[at:end]))
        fill = next((COLOURS[c] for c in codes if c in COLOURS), None)
        attributes = f' fill="{fill}"' if fill else ""
        attributes += ' font-weight="bold"' if "1" in codes else ""
        attributes += ' fill-opacity=".6"' if "2" in codes else ""
        out.append(f'<tspan x="{20 + at * CHAR:.1f}"{attributes}>{text}</tspan>')
        at = end
    return "".join(out)


def main():
    run = subprocess.run(
        [CMHOOK, *COMMAND[1:], "--listen", "4400", "--color", "always"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    prompt = "\x1b[1m$ " + " ".join(COMMAND) + "\x1b[0m"
    rows = [row for line in [prompt, *run.stdout.splitlines()] for row in wrap(line)]
    width, height = COLUMNS * CHAR + 40, len(rows) * LINE + 50
    lines = "\n".join(
        f'<text y="{46 + at * LINE}" xml:space="preserve">{spans(row)}</text>'
        for at, row in enumerate(rows)
    )
    (ROOT / "docs" / "screen.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
        f'font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" font-size="14" fill="#e6edf3">\n'
        f'<title>cmhook demo on a terminal</title>\n'
        f'<rect width="100%" height="100%" rx="8" fill="#0d1117"/>\n{lines}\n</svg>\n'
    )


if __name__ == "__main__":
    main()
