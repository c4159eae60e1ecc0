"""What `benchmarks.engine` measured, as a document and as plots. Every figure is read from the stored results."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.engine_data import FULL, Size
from benchmarks.engine_ours import OURS, PUBLISHED
from ner_core.training.machine import available_cores

TRIED = Path(__file__).with_name("tried_engine.md")
# recipe -> seconds, test F1 to reach and beyond it (issue 4, A); latency p50 in ms
QUALITY = {"fast": (30, 0.838, 0.845), "bilstm-crf": (150, 0.847, 0.853), "best": (1800, 0.853, 0.860)}
WNUT = (0.36, 0.42)
SPEED_UP = (4, 8)
HALF = 0.5  # of SGEMM's peak, which goes with the second
LATENCY = {"fast": 1.0, "bilstm-crf": 1.5}
BULK = (7, 15)
LOAD_SECONDS, LOAD_MB = 1.5, 200
NAMES = {"spacy": "spaCy, efficiency", "crfsuite": "CRFsuite", PUBLISHED: f"`{PUBLISHED}`, published"}

Found = Sequence[tuple]  # of (Job, result)


def name_of(system: str) -> str:
    return NAMES.get(system, f"`{system}`")


def of(found: Found, kind: str, system: str = "", **wanted) -> list[dict]:
    """The results of one kind and system, e.g. `of(found, "bulk", "spacy", processes=2)`."""
    wanted = {"corpus": "gmb", **wanted}
    return [
        result
        for job, result in found
        if job.kind == kind
        and (not system or job.system == system)
        and all(getattr(job, key) == value for key, value in wanted.items())
    ]


def trained(found: Found, system: str, corpus: str = "gmb") -> list[dict]:
    """The training results of one system, a seed each."""
    kind = system if system in ("spacy", "crfsuite") else "ours"
    return of(found, kind, system, corpus=corpus)


def middle(values: Iterable[float], form: str = "{:.1f}") -> str:
    """Median (smallest–largest) where there are several; "–" where there is none.

    >>> middle([3, 1, 2]), middle([2]), middle([])
    ('2.0 (1.0–3.0)', '2.0', '–')
    """
    values = sorted(values)
    if not values:
        return "–"
    said = form.format(median(values))
    return said if len(values) == 1 else f"{said} ({form.format(values[0])}–{form.format(values[-1])})"


def verdict(value: float, reach: float, beyond: float) -> str:
    """Say how far a median came.

    >>> verdict(84.0, 83.8, 84.5), verdict(85, 83.8, 84.5), verdict(80, 83.8, 84.5)
    ('reached', 'beyond', 'not reached')
    """
    return "beyond" if value >= beyond else "reached" if value >= reach else "not reached"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table; the first column is left, the others right."""
    lines = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


# --- the document -----------------------------------------------------------------------------


def write_report(
    found: Found, size: Size, *, problems: Sequence[str] = (), missing: Sequence[str] = (), note: str = ""
) -> str:
    """Put all of it into words."""
    seeds = sorted({job.seed for job, _ in found if job.kind == "ours"})
    lines = ["# The engine, measured", "", *intro(found, size, seeds)]
    lines += [f"- {note}"] if note else []
    lines += [f"- Not measured: {problem}" for problem in problems]
    if missing:
        lines += [f"- Not measured yet: {', '.join(missing)}."]
    lines += ["", "## What was to be reached", "", *targets(found), "", "## Training", "", *training(found), ""]
    lines += ["## Prediction", "", *prediction(found), "", *parts(found), ""]
    if size.name == FULL.name:
        lines += ["![Strict entity F1 on the test part over seconds of training](pictures/benchmarks-quality.svg)", ""]
        lines += ["![Latency of one sentence, and raw text tagged a second](pictures/benchmarks-speed.svg)", ""]
    lines += ["## How", "", *HOW]
    if TRIED.exists():
        lines += ["", TRIED.read_text(encoding="utf-8").strip()]
    return "\n".join(lines) + "\n"


HOW = """- One process after another, each with all cores; F1 is strict entity micro F1 of one scorer (`ner_core.scores.strict`) for every
  system, each real token counted, nothing cut. Settings of ours were chosen on dev;
  in the trials below test stood beside dev and was seen.
- Clock of ours: the seconds that a time limit bounds, TensorFlow's tracing and the scoring of dev after each epoch included; start-up
  (imports, reading, encoding, building) lies beside it. An epoch that is going on when the time is over ends there and is scored after it.
  Then temperature and threshold are fitted on 1,500 sentences of dev (`scores.calibration`; the seconds stand in the stored results), so that
  dev F1 is partly of sentences the threshold was fitted on.
  spaCy's and CRFsuite's clocks leave out the scoring of dev and test. The F1 of a point on the curves is measured when the clock stands still.
- Training tok/s: real tokens; the seconds that went into scoring dev are left out for every system. CRFsuite reads each token once an iteration.
  A token that a committee learns from counts once, when all its members have read it.
- Share of SGEMM: operations a token (2 a multiply-add of every weight matrix but look-up tables, times 3 for training)
  times real tokens a second, against NumPy's float32 matrix product on this machine. CRFsuite and spaCy are not counted.
- `gmb-bilstm-softmax` as published: its encoding, network and training, but on the common train part (its own split would not compare).
- spaCy: the configuration of `spacy init config --lang en --pipeline ner --optimize efficiency`, gold words, until its patience ends or 30 minutes.
  Test is scored with the first look at dev behind 10, 20, 30, 60, 120, 300, 600, 1,200 and 1,800 s.
- CRFsuite: word, lower-cased, first and last 2 and 3 letters, case, two neighbours each way; c1 = c2 = 0.1; each number of iterations trained from the start.
- Import and load: a process that does nothing else. Latency: sentences of 20 words, each another one, from text to spans, no TensorFlow loaded.
- From words: the test part, already cut. Raw text: the same sentences joined to texts of ten, tagged once by a fresh process (its first
  sentence, which loads the tokenizer, before the clock), ours with confidences; tok/s count the corpus' own tokens for every system.""".splitlines()


def intro(found: Found, size: Size, seeds: Sequence[int]) -> list[str]:
    """What this is, and where it was measured."""
    runs = sorted({result["run"] for _, result in found})
    days = sorted({result["when"][:10] for _, result in found})
    loads = [result["load"] for _, result in found]
    peaks = [result["gflops"] for result in of(found, "sgemm")]
    floors = of(found, "floors")
    lines = [
        "Written by `make bench` (`benchmarks/engine.py`); no figure is typed by hand.",
        "",
        f"- {cpu()}, {available_cores()} cores; SGEMM {', '.join(f'{peak:.0f}' for peak in peaks) or '–'} GFLOP/s (before, after).",
        f"- {platform.system()} {platform.machine()}, Python {platform.python_version()}, {', '.join(versions())}.",
        f"- Measured {' to '.join(dict.fromkeys((days[0], days[-1])))}, load of the machine before each job {middle(loads)}."
        if days
        else "- Nothing has been measured.",
        f"- Seeds {', '.join(map(str, seeds)) or '–'}; where several, median (smallest–largest).",
        "- All rows come from one run."
        if len(runs) == 1
        else f"- The rows come from {len(runs)} runs, one going on where another ended.",
    ]
    if size.name != FULL.name:
        lines.insert(
            0,
            "**A quick run: small parts, short times. It shows that everything runs; its figures mean nothing else.**\n",
        )
    if floors:
        train, dev, test = floors[0]["parts"]
        all_o, most = floors[0]["all_o"], floors[0]["table"]
        lines.append(
            f"- GMB, {train:,} / {dev:,} / {test:,} sentences. Floors on test: all-`O` F1 0, token accuracy "
            f"{all_o['token_accuracy']:.2%}; most frequent tag F1 {100 * most['f1']:.1f}, token accuracy {most['token_accuracy']:.2%}."
        )
    return lines


def cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def versions() -> list[str]:
    found = []
    for name in ("numpy", "tensorflow", "keras", "spacy", "python-crfsuite"):
        try:
            found.append(f"{name} {version(name)}")
        except ModuleNotFoundError:
            found.append(f"{name} absent")
    return found


def targets(found: Found) -> list[str]:
    """The table of issue 4: reached or not."""
    rows = []
    for name, (seconds, reach, beyond) in QUALITY.items():
        runs = trained(found, name)
        f1 = [100 * run["f1"] for run in runs]
        judged = verdict(median(f1), 100 * reach, 100 * beyond) if f1 else "not measured"
        rows.append(
            (
                f"{name_of(name)}, {seconds:,} s: test F1",
                f"{100 * reach:.1f}",
                f"{100 * beyond:.1f}",
                middle(f1, "{:.2f}"),
                judged,
                elsewhere(found, seconds),
            )
        )
    for name in OURS:
        ratios, share = speed_ups(found, name), share_of_peak(found, name)
        judged = verdict(median(ratios), *SPEED_UP) if ratios else "not measured"
        if judged == "beyond" and share < HALF:
            judged = "reached"
        if judged != "not measured" and median(run["f1"] for run in trained(found, name)) < QUALITY[name][1]:
            judged = "not with that F1"
        rows.append(
            (
                f"{name_of(name)}: training tok/s against {name_of(PUBLISHED)}",
                f"{SPEED_UP[0]}x",
                f"{SPEED_UP[1]}x, half of SGEMM",
                f"{middle(ratios, '{:.1f}x')}, {share:.0%}" if share else middle(ratios, "{:.1f}x"),
                judged,
                "",
            )
        )
    for name in OURS[1:]:
        f1 = [100 * run["f1"] for run in trained(found, name, "wnut17")]
        judged = verdict(median(f1), 100 * WNUT[0], 100 * WNUT[1]) if f1 else "not measured"
        other = middle([100 * run["f1"] for run in trained(found, "crfsuite", "wnut17")], "CRFsuite {:.1f}")
        rows.append((f"{name_of(name)} on WNUT-17: test F1", "36", "42", middle(f1), judged, other))
    rows += prediction_targets(found)
    return table(("", "reach", "beyond", "seen", "", "others in this run"), rows)


def prediction_targets(found: Found) -> list[tuple[str, ...]]:
    rows = []
    for name, limit in LATENCY.items():
        p50 = [result["p50_ms"] for result in of(found, "single", name)]
        judged = ("reached" if median(p50) < limit else "not reached") if p50 else "not measured"
        rows.append((f"{name_of(name)}: one sentence, p50", f"{limit:g} ms", "", middle(p50, "{:.2f} ms"), judged))
        rows[-1] += (middle([r["p50_ms"] for r in of(found, "single", "spacy")], "spaCy {:.1f} ms"),)
    spacy, processes = best_spacy(found)
    for name in OURS:
        ratios = [r["bulk_tokens_a_second"] / spacy for r in of(found, "bulk", name)] if spacy else []
        judged = verdict(median(ratios), *BULK) if ratios else "not measured"
        rows.append(
            (
                f"{name_of(name)}: raw text tagged, against spaCy",
                f"{BULK[0]}x",
                f"{BULK[1]}x",
                middle(ratios, "{:.1f}x"),
                judged,
                f"spaCy {spacy:,.0f} tok/s (`n_process={processes}`)" if spacy else "",
            )
        )
    for name in OURS:
        loads = of(found, "load", name)
        seen = f"{loads[0]['load_seconds']:.2f} s, {loads[0]['load_mb']:.0f} MB" if loads else "–"
        is_met = loads and loads[0]["load_seconds"] < LOAD_SECONDS and loads[0]["load_mb"] < LOAD_MB
        judged = ("reached" if is_met else "not reached") if loads else "not measured"
        rows.append((f"{name_of(name)}: import and load", f"{LOAD_SECONDS} s, {LOAD_MB} MB", "", seen, judged, ""))
    return rows


def elsewhere(found: Found, seconds: float) -> str:
    """What the others had reached on test by then: spaCy with its first look behind that time."""
    said = []
    for name, short in (("spacy", "spaCy"), ("crfsuite", "CRFsuite")):
        points = [point for run in trained(found, name) for point in run["curve"] if point[2] is not None]
        if name == "spacy":  # the last: what it ended with
            points += [(run["seconds"], run["dev_f1"], run["f1"]) for run in trained(found, name)]
            behind = [point for point in points if point[0] >= seconds]
            point = behind[0] if behind else points[-1] if points else None
        else:
            point = max((point for point in points if point[0] <= seconds), key=lambda point: point[2], default=None)
        if point:
            said.append(f"{short} {100 * point[2]:.1f} at {point[0]:.0f} s")
    return ", ".join(said)


def speed_ups(found: Found, system: str) -> list[float]:
    """Training tok/s of every seed against the published tutorial's of the same run."""
    base = [run["train_tokens_a_second"] for run in trained(found, PUBLISHED)]
    return [speed / median(base) for speed in speeds(trained(found, system))] if base else []


def speeds(runs: Sequence[Mapping]) -> list[float]:
    """Training tok/s of the runs that know it."""
    return [run["train_tokens_a_second"] for run in runs if run.get("train_tokens_a_second")]


def share_of_peak(found: Found, system: str) -> float:
    """The share of SGEMM's peak that training reached (median; 0 = not measured)."""
    peaks = [result["gflops"] for result in of(found, "sgemm")]
    rates = [run["gflops"] for run in trained(found, system) if run.get("gflops")]
    return median(rates) / max(peaks) if peaks and rates else 0.0


SYSTEMS = (*OURS, PUBLISHED, "crfsuite", "spacy")


def training(found: Found) -> list[str]:
    """One row a system and corpus."""
    peaks = [result["gflops"] for result in of(found, "sgemm")]
    rows = []
    for corpus in ("gmb", "wnut17"):
        for system in SYSTEMS:
            if runs := trained(found, system, corpus):
                rows.append(training_row(system, corpus, runs, peaks))
    head = (
        "system",
        "seconds",
        "start-up s",
        "dev F1",
        "test F1",
        "precision",
        "recall",
        "tok/s",
        "GFLOP/s",
        "of SGEMM",
        "MB",
    )
    return table(head, rows)


def training_row(system: str, corpus: str, runs: Sequence[Mapping], peaks: Sequence[float]) -> tuple[str, ...]:
    rates = [run["gflops"] for run in runs if run.get("gflops")]
    return (
        name_of(system) + (", WNUT-17" if corpus == "wnut17" else ""),
        middle([run["seconds"] for run in runs], "{:.0f}"),
        middle([run["startup"] for run in runs], "{:.0f}"),
        *(middle([100 * run[key] for run in runs]) for key in ("dev_f1", "f1", "precision", "recall")),
        middle(speeds(runs), "{:,.0f}"),
        middle(rates, "{:.0f}"),
        middle([100 * rate / max(peaks) for rate in rates], "{:.0f} %") if peaks else "–",
        middle([run["peak_mb"] for run in runs], "{:,.0f}"),
    )


def best_spacy(found: Found) -> tuple[float, int]:
    """spaCy's median bulk tok/s, with one process or two: the better one (0 where not measured)."""
    speeds = []
    for processes in (1, 2):
        seen = [result["bulk_tokens_a_second"] for result in of(found, "bulk", "spacy", processes=processes)]
        speeds += [(median(seen), processes)] if seen else []
    return max(speeds, default=(0.0, 1))


def prediction(found: Found) -> list[str]:
    """One row a system."""
    rows = []
    for system in SYSTEMS:
        loads, singles = of(found, "load", system), of(found, "single", system)
        if not loads and not singles:
            continue
        for processes in (1, 2):
            bulk = [result["bulk_tokens_a_second"] for result in of(found, "bulk", system, processes=processes)]
            if processes == 2 and not bulk:
                continue
            said = [
                middle([r["load_seconds"] for r in loads], "{:.2f}"),
                middle([r["first_answer_seconds"] for r in loads], "{:.2f}"),
                middle([r["load_mb"] for r in loads], "{:.0f}"),
                middle([r["p50_ms"] for r in singles], "{:.2f}"),
                middle([r["p95_ms"] for r in singles], "{:.2f}"),
                middle([r["words_tokens_a_second"] for r in singles], "{:,.0f}"),
            ]
            said = said if processes == 1 else [""] * len(said)
            rows.append((name_of(system) + (", 2 processes" if processes == 2 else ""), *said, middle(bulk, "{:,.0f}")))
    head = (
        "system",
        "import and load s",
        "first answer s",
        "MB",
        "p50 ms",
        "p95 ms",
        "tok/s from words",
        "tok/s from raw text",
    )
    return table(head, rows)


def parts(found: Found) -> list[str]:
    """Where the time of tagging raw text goes."""
    seen = [(job.system, result) for job, result in found if job.kind == "parts"]
    if not seen:
        return []
    names = list(seen[0][1]["parts"])
    rows = []
    for system, result in seen:
        total = sum(result["parts"].values()) or 1.0
        rows.append(
            (name_of(system), f"{result['total']:.2f}", *(f"{100 * result['parts'][n] / total:.0f} %" for n in names))
        )
    return ["Where the time of tagging raw text goes:", "", *table(("recipe", "seconds", *names), rows)]


# --- the plots ---------------------------------------------------------------------------------

# colour, marker and line: told apart in print without colour, too
STYLES = {
    "fast": ("#0072b2", "o", "-"),
    "bilstm-crf": ("#d55e00", "s", "-"),
    "best": ("#009e73", "D", "-"),
    PUBLISHED: ("#777777", "x", "--"),
    "crfsuite": ("#cc79a7", "^", "--"),
    "spacy": ("#000000", "v", ":"),
}
PLAIN = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "svg.hashsalt": "ner-lab",
}


def draw_plots(found: Found, folder: Path) -> list[Path]:
    """Draw F1 over seconds of training, and latency and throughput; return the files."""
    import matplotlib

    matplotlib.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(PLAIN):
        return [
            draw_quality(found, folder / "benchmarks-quality.svg"),
            draw_speed(found, folder / "benchmarks-speed.svg"),
        ]


def draw_quality(found: Found, path: Path) -> Path:
    """Test F1 over seconds of training, a line a seed."""
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for system, (colour, marker, line) in STYLES.items():
        for number, run in enumerate(trained(found, system)):
            points = sorted((x, 100 * test) for x, _, test in run["curve"] if test is not None)
            look = {"color": colour, "marker": marker, "linestyle": line, "markersize": 4, "linewidth": 1.1}
            if points:
                label = "" if number else name_of(system).replace("`", "")
                axes.plot(*zip(*points, strict=True), label=label or None, **look)
    for result in of(found, "floors"):
        axes.axhline(100 * result["table"]["f1"], color="#999999", linewidth=0.8)
        axes.annotate(
            "most frequent tag",
            (1, 100 * result["table"]["f1"]),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize=8,
            color="#666666",
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.set_xlabel("seconds of training (logarithmic)")
    axes.set_ylabel("strict entity F1 on test, %")
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, loc="lower right")
    return save(figure, path)


def draw_speed(found: Found, path: Path) -> Path:
    """Two rows of bars: milliseconds a sentence, and tokens of raw text a second."""
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
    latencies = {s: median(r["p50_ms"] for r in of(found, "single", s)) for s in SYSTEMS if of(found, "single", s)}
    bulk = {
        s: median(r["bulk_tokens_a_second"] for r in of(found, "bulk", s, processes=1))
        for s in SYSTEMS
        if of(found, "bulk", s, processes=1)
    }
    if "spacy" in bulk:
        bulk["spacy"] = best_spacy(found)[0]
    for axes, values, form, title in (
        (left, latencies, "{:.2f}", "one sentence of 20 words, p50, ms"),
        (right, bulk, "{:,.0f}", "raw text, tokens a second"),
    ):
        names = [name_of(system).replace("`", "") for system in values]
        bars = axes.barh(names, list(values.values()), color="#8da0b6", edgecolor="#333333", linewidth=0.6, height=0.6)
        axes.bar_label(bars, [form.format(value) for value in values.values()], padding=3, fontsize=8)
        axes.invert_yaxis()
        axes.margins(x=0.25)
        axes.grid(axis="y", visible=False)
        axes.set_title(title, fontsize=9, loc="left")
    return save(figure, path)


def save(figure, path: Path) -> Path:
    from matplotlib import pyplot

    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return path
