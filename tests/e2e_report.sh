#!/usr/bin/env bash
# `report`: pages about small cases of all kinds. Well-formed HTML without script or outside resource, every number
# that `limit` prints on it, everything escaped; what is refused; and in headless Chromium, where there is one, no
# overflow at the width of a desk and of a phone, screenshots and a print.
# shellcheck source-path=SCRIPTDIR source=e2e.sh
source "$(dirname "${BASH_SOURCE[0]}")/e2e.sh"

# ---- what a page must be

cat >page.py <<'END'
import html.parser, re, sys

VOID = {"meta", "link", "br", "hr", "img", "input", "col", "base"}

class Page(html.parser.HTMLParser):
    """A page as its tags, ids, references and numbers."""

    def __init__(self, path):
        super().__init__()
        self.open, self.ids, self.tags, self.links, self.values, self.words = [], [], [], [], [], []
        self.source = open(path, encoding="utf-8").read()
        self.feed(self.source)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            assert not name.startswith("on"), f"{tag} {name}"
            if name == "id":
                self.ids.append(value)
            if name in ("href", "xlink:href", "src", "action", "data"):
                self.links.append((tag, value))
            if name == "aria-labelledby":
                self.links.append((tag, "#" + value))
            self.links += [(tag, target) for target in re.findall(r"url\((.*?)\)", value or "")]
        if tag == "data":
            self.values.append(float(dict(attributes)["value"]))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]} at {self.getpos()}"
        self.open.pop()

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style",):
            self.words.append(data)

    def text(self):
        return " ".join(" ".join(self.words).split())

    def has(self, number):
        return any(abs(number - value) <= 1e-7 * abs(number) + 1e-13 for value in self.values)
END
cat >formed.py <<'END'
import sys
from page import Page

page = Page(sys.argv[1])
assert page.source.startswith("<!DOCTYPE html>\n<html lang=\"en\">")
assert "script" not in page.tags and "link" not in page.tags and "iframe" not in page.tags and "img" not in page.tags
assert len(page.ids) == len(set(page.ids)), [i for i in page.ids if page.ids.count(i) > 1][:5]
for tag, target in page.links:
    assert target.startswith("#") or target.startswith("data:image/png;base64,"), (tag, target[:80])
    assert target[0] != "#" or target[1:] in page.ids, (tag, target)
assert "@import" not in page.source and page.tags.count("title") >= 2
assert page.tags.count("svg") == page.tags.count("figure") == page.tags.count("figcaption") >= int(sys.argv[2])
for section in sys.argv[3:]:
    assert section.lstrip("-") in page.ids if section[0] != "-" else section[1:] not in page.ids, section
END
formed() { check "  a page that is well formed, $1" "$python" formed.py "$@"; }

# ---- every number of `limit --json` and the ends of the series of solution.nc

cat >numbers.py <<'END'
import json, sys
import netCDF4
from page import Page

folder, page = sys.argv[1], Page(sys.argv[1] + "/report.html")
limit = json.loads(open(".out").read().splitlines()[-1])
solution = netCDF4.Dataset(folder + "/solution.nc")
heated = solution.temperature > 0
wanted = [("minimum", limit["minimum"]), ("minimum_gap", limit["minimum_gap"])]
for series in ["risk", "gap", "dissipation"] + ["free_energy"] * heated:
    wanted.append((series, float(solution[series][-1])))
measures = limit.get("diracs", []) + ([limit["goal"]] if limit.get("goal") else [])
for measure in measures:
    wanted += [(key, measure[key]) for key in ("risk", "gap")]
    wanted += [("rate", rate) for rate in measure["motion_rates"]]
    for atom in measure["atoms"]:
        wanted += [("position", x) for x in atom["position"]] + [("spread", x) for x in atom["spread_rates"]]
if limit.get("goal"):
    wanted += [("mass", atom["mass"]) for atom in limit["goal"]["atoms"]]
    wanted += [("monotonicity", limit["goal"]["monotonicity"]), ("spread", limit["spread"])]
for what, number in wanted:
    assert number is None or page.has(number), (what, number)
text = page.text()
for verdict in limit.get("verdicts", []):
    name = verdict["theorem"].replace("Lojasiewicz", "Łojasiewicz")
    assert name in text, name
print(len(wanted), "numbers and", len(limit.get("verdicts", [])), "verdicts")
assert len(wanted) > 4 and limit["verdicts"]
END
reports() { # FOLDER FIGURES SECTION...
  returns 0 report "$1"
  says "^[a-z]+: .*theorem"
  says "^wrote $1/report.html"
  formed "$1/report.html" "${@:2}"
  returns 0 limit "$1/solution.nc" --json --quiet -o scratch
  if "$python" -c 'import netCDF4' 2>/dev/null; then
    check '  with all numbers of limit and of the solution' "$python" numbers.py "$1"
  fi
}
on() { check "  and says $2" grep -qF -- "$2" "$1/report.html"; }

returns 0 run stable --quiet --set 'grid.cells=[64,64]' -o stable
reports stable 5 numbers verdicts figures optimum diracs goal approach equation case provenance -chaos -refinement
on stable '0.1600112675'
on stable '0.18453299'
on stable '0.21361116'
on stable 'and the minimiser'
on stable 'The error of the grid is not known'

returns 0 run saddle --quiet --set 'grid.cells=[64,64]' --set time.end=60 -o saddle
reports saddle 5 optimum diracs goal approach
on saddle 'but not the minimiser'
on saddle 'The masses are the grid’s'
on saddle 'unstable'

returns 0 run gibbs --quiet --set 'grid.cells=[32,32]' -o gibbs
reports gibbs 5 optimum goal approach -diracs
on gibbs 'Free energy'
on gibbs 'its least value over all densities on this grid; for'
on gibbs 'The stationary measure is the Gibbs density'
returns 0 run translate --quiet --set 'grid.cells=[64]' --set time.end=60 -o walls
returns 0 report walls
says 'mass at the walls: the box is too small'
on walls 'Box too small'
check '  and no plain Confirmed' bash -c '! grep -q "</span> Confirmed</span>" walls/report.html'
on gibbs '<i>τ</i> Δ<i>ρ</i>'

returns 0 run ridge --quiet --set scheme.flux=duality7 --set error=estimate -o one
returns 0 verify ridge --quiet --set scheme.flux=duality7 -o one
reports one 5 refinement
on one 'estimated from two coarser grids'

returns 0 run qkv --quiet --set 'grid.cells=[16,16,24]' --set time.end=1 -o three
reports three 3 diracs
on three 'Without a ridge'

returns 0 run retrieval --quiet --set 'grid.cells=[48,48]' --set scheme.flux=duality7 -o compared
returns 0 sgd retrieval --quiet --set 'particles.heads=[16,64]' --set particles.seeds=4 --set 'particles.step=[0.1]' -o compared
returns 0 compare compared/solution.nc compared/particles.nc --quiet --epsilon 1 --pairs 20000
reports compared 9 chaos
bounds() { # the numbers of chaos.nc: measured coupling errors and their bounds at the last time
  "$python" - <<'END'
import netCDF4
from page import Page

page, chaos, count = Page("compared/report.html"), netCDF4.Dataset("compared/chaos.nc"), 0
for group in chaos.groups.values():
    for name in ("coupling_mean", "coupling_predicted", "bound_expected", "bound_leading", "bound_classical"):
        if name in group.variables:
            count += 1
            assert page.has(float(group[name][-1])), (group.name, name, float(group[name][-1]))
print(count)
assert count >= 8
END
}
if "$python" -c 'import netCDF4' 2>/dev/null; then
  check '  with measured errors, predictions and bounds of chaos.nc' bounds
fi

# ---- a file instead of a folder, and another place

returns 0 report stable/solution.nc --quiet -o elsewhere/deep
check '--quiet is quiet' test ! -s .out -a ! -s .err
formed elsewhere/deep/report.html 5
check '  the same page' cmp elsewhere/deep/report.html stable/report.html

# ---- everything is escaped

sed 's/^title:.*/title: '"'"'<b>Bold<\/b> \& "quoted" <script>alert(1)<\/script>'"'"'/' "$HEADFLOW_CASES/ridge.yaml" >bold.yaml
returns 0 run bold.yaml --quiet -o bold
returns 0 report bold
formed bold/report.html 5
on bold '<h1>&lt;b&gt;Bold&lt;/b&gt; &amp; &quot;quoted&quot; &lt;script&gt;'
text() { "$python" -c 'from page import Page; import sys; assert sys.argv[1] in Page("bold/report.html").text()' "$1"; }
check '  and reads as it was written' text '<b>Bold</b> & "quoted" <script>alert(1)</script>'

# ---- what is refused leaves nothing, and a page that was there as it was

mkdir empty
returns 4 report empty
complains 'empty/solution\.nc'
leaves_no empty/report.html
returns 4 report absent.nc
complains 'absent\.nc'
head -c 4096 /dev/zero >garbage.nc
returns 4 report garbage.nc
complains 'garbage\.nc'
leaves_no report.html
: >file
returns 4 report stable --quiet -o file/below
complains '\bfile\b'
returns 2 report
returns 2 report stable --json
returns 2 report stable extra
mkdir broken
cp stable/solution.nc broken
head -c 4096 /dev/zero >broken/chaos.nc
returns 4 report broken --quiet
complains 'chaos\.nc'
leaves_no broken/report.html
cp stable/report.html before.html
# shellcheck disable=SC2016 # expanded by that shell
check 'without gnuplot' bash -c '! PATH=/nowhere "$0" report stable --quiet 2>.err' "$program"
complains 'gnuplot'
check '  the page that was there stays' cmp before.html stable/report.html
mkdir tmp
check 'a report leaves nothing in the temporary folder' env TMPDIR="$work/tmp" "$program" report one --quiet
check '  indeed' test -z "$(ls tmp)"

# ---- in a browser

browser=
for name in chromium chromium-browser google-chrome; do
  [[ -z $browser ]] && browser=$(command -v "$name")
done
if [[ -z $browser ]]; then
  checks=$((checks + 1))
  echo "ok $checks - in a browser # SKIP no chromium"
  finish
  exit 0
fi

browse() { # ARGUMENT...: as root it needs no sandbox; what it says of D-Bus is of no interest
  local sandbox=()
  ((EUID)) || sandbox=(--no-sandbox)
  timeout 120 "$browser" --headless --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" \
    "${sandbox[@]}" "$@" 2>/dev/null
}

# A window is never narrower than 500 pixels: pages are laid out in frames, and tell how wide they came out.
pages=(stable saddle gibbs one three compared bold)
mkdir framed
{
  echo '<body><script>onmessage = e => document.body.append(e.data + "; ")</script>'
  for page in "${pages[@]}"; do
    mkdir "framed/$page"
    sed "s|</body>|<script>parent.postMessage(['$page', innerWidth, document.documentElement.scrollWidth].join(' '), '*')</script></body>|" \
      "$page/report.html" >"framed/$page/report.html"
    for width in 1280 390 320; do
      echo "<iframe src='$page/report.html' width=$width height=800 style='border:0'></iframe>"
    done
  done
} >framed/all.html
fits() { # all pages at all widths have answered, and none is wider than its frame
  browse --virtual-time-budget=20000 --dump-dom "file://$work/framed/all.html" >widths
  grep -oE '[a-z]+ [0-9]+ [0-9]+; ' widths | tr -d ';' | sort -u >answers
  cat answers
  [[ $(wc -l <answers) -eq $((3 * ${#pages[@]})) ]] && awk '$3 > $2 { exit 1 }' answers
}
check 'no page is wider than its window, at 1280, 390 and 320 pixels' fits

cat >picture.py <<'END'
import struct, sys, zlib

# Size of a PNG, and how many colours its rows have: an empty page has one.
data = open(sys.argv[1], "rb").read()
width, height = struct.unpack(">II", data[16:24])
assert width == int(sys.argv[2]) and height == int(sys.argv[3]), (width, height)
pixels, at = b"", 8
while at < len(data):
    length, kind = struct.unpack(">I4s", data[at:at + 8])
    if kind == b"IDAT":
        pixels += data[at + 8:at + 8 + length]
    at += 12 + length
raw = zlib.decompress(pixels)
assert len(set(raw)) > 64 and len(pixels) > 20000, len(pixels)
END
for width in 1280 390; do
  echo "<body style='margin:0'><iframe src='compared/report.html' width=$width height=6000 style='border:0'></iframe>" \
    >framed/one.html
  shot() { browse --window-size="$((width > 500 ? width : 500)),6000" --screenshot="$work/$width.png" "file://$work/framed/one.html"; }
  check "a screenshot $width pixels wide" shot
  check '  shows something' "$python" picture.py "$width.png" "$((width > 500 ? width : 500))" 6000
done
check 'the page prints' browse --print-to-pdf="$work/page.pdf" "file://$work/compared/report.html"
check '  on some sheets' "$python" -c '
import re
sheets = len(re.findall(rb"/Type\s*/Page\b", open("page.pdf", "rb").read()))
print(sheets)
assert 3 <= sheets <= 30'

finish
