"""Names from event files and configurations never change the structure of a report."""

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec import structs

from gates.findings import Diagnosis, Fix, Outcome, Verdict
from gates.judge import Judgement
from gates.progress import EvaluationPoint, StageState
from reports.context import (
    ChangeNote,
    Command,
    ConfigChange,
    NextStage,
    PipelineContext,
    PipelineStage,
    PreviousRun,
)
from reports.pipeline import render_pipeline_markdown
from reports.stage.html import render_html
from reports.stage.latex import render_latex
from reports.stage.markdown import render_stage_markdown
from reports.stage.plots import PlotFile, draw_stage_plots
from reports.text.escaping import one_line

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PIECES = [
    "|", "||", "\\", "`", "```", "<", ">", "&", "*", "**", "_", "~~", "[", "](", ")", "![", "$",
    "<script>alert(1)</script>", "</details>", "<!--", "{{7*7}}", "{% raw %}", "{{ v.context }}",
    "\n", "\n\n", "\r", "\n# ", "\n- ", "\n| y |", "\n---\n", "\n```\n", "http://evil.example",
    "\\end{tabular}", "%", "#", "^", "x", "a b", "\u202e", "\x00", "\ud800", "'", '"', "1. ", "+ ",
]  # fmt: skip
KNOWN_GROUP = re.compile(r"[a-z_]+/")
HOSTILE = (
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join) | st.text(max_size=20)
).filter(
    lambda text: one_line(text).strip(" -") and not KNOWN_GROUP.match(text) and "seed" not in text
)
"""Names that are no tags of ours, which would rightly get a place of their own in a report, nor speak of seeds."""


def _judgement(build, name):
    """A judgement that holds `name` wherever text comes from outside."""
    log = build.training_log(leak=True)
    renamed = structs.replace(log.series["train/q1_value"], tag=name)
    component = structs.replace(
        log.series["reward_components/safety"], tag=f"reward_components/{name}"
    )
    log = structs.replace(
        log,
        series={**log.series, name: renamed, component.tag: component},
        skipped_tags={name: name},
    )
    diagnosis = Diagnosis(
        cause=name,
        title=name,
        evidence=(name, f"`{name}` is 5."),
        refuted_by=name,
        does_not_explain=(name,),
        fix=Fix(text=name, config={"train.tau": name, f"extra.{name}": name}),
    )
    findings = tuple(
        build.finding(
            f"{name}{outcome.value}", name, 50.0, 3.0, outcome=outcome, tag=tag, reason=name,
            statistic=name, unit=name, limit_source=name, rationale=name, derived_from=name,
        )
        for outcome in Outcome
        for tag in (name, "")
    )  # fmt: skip
    result = build.result(
        Verdict.NO_GO,
        findings,
        name,
        stage=name,
        diagnoses=(diagnosis, diagnosis),
        gate_warnings=(name,),
        not_decided=(name,),
        inputs=({"path": name, "sha256": name, "size_bytes": 1},),
        versions={name: name},
        dialect=name,
        baseline=name,
        config_sha256=name,
        gate_sha256=name,
    )
    context = build.context(
        title=name,
        generated_at=name,
        next_commands=(Command(text=name, purpose=name),),
        rerun_command=name,
        previous=(PreviousRun(name=name, result=replace(result, verdict=Verdict.GO)),),
        config={"train": {name: name, "actor_lr": name, "tau": 0.1}},
        config_changes=(ConfigChange(key=name, before=name, after=name),),
        change_note=ChangeNote(change=name, expectation=name),
        next_stage=NextStage(name=name, steps=50),
        git_revision=name,
        previous_git_revision="other",
    )
    return Judgement(result=result, log=log, run_info=None), context


def _plots(findings):
    overview = PlotFile(path="plots/overview.png", alt="overview", png=b"x")
    return (
        overview,
        *(
            PlotFile(path=f"plots/p{i}.png", alt=f.title, png=b"x", check=f.check)
            for i, f in enumerate(findings)
            if f.tag and f.outcome is not Outcome.PASS
        ),
    )


def _blocks(markdown):
    return [(token.type, token.tag) for token in MARKDOWN.parse(markdown)]


def _inline_kinds(markdown):
    tokens = [c for t in MARKDOWN.parse(markdown) if t.type == "inline" for c in t.children]
    for token in tokens:
        if token.type == "html_inline":
            assert token.content in ("<code>", "</code>"), token.content
        if token.type == "image":
            assert re.fullmatch(r"plots/[a-z0-9-]+\.png", token.attrs["src"])
    counted = ("image", "link_open", "em_open", "strong_open", "s_open", "hardbreak", "softbreak")
    return {kind: sum(t.type == kind for t in tokens) for kind in counted}


def _html_blocks(markdown):
    return [t.content for t in MARKDOWN.parse(markdown) if t.type == "html_block"]


@settings(max_examples=20, deadline=None)
@given(name=HOSTILE)
@example(name="x\n| y |")
@example(name="a|b")
@example(name="<script>")
@example(name="{{7*7}}")
@example(name="![x](http://evil.example/x.png)")
@example(name="`")
@example(name="a`|`b")
def test_markdown_keeps_its_structure(build, name):
    plain, hostile = _judgement(build, "plain"), _judgement(build, name)
    texts = [
        render_stage_markdown(judgement, context, _plots(judgement.result.findings))
        for judgement, context in (plain, hostile)
    ]
    assert _blocks(texts[1]) == _blocks(texts[0])
    assert _inline_kinds(texts[1]) == _inline_kinds(texts[0])
    assert _html_blocks(texts[1]) == _html_blocks(texts[0])
    texts[1].encode("utf-8")


class _Structure(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []
        self.text = []

    def handle_starttag(self, tag, attrs):
        if tag != "code":
            self.seen.append((tag, sorted(name for name, _ in attrs)))

    def handle_endtag(self, tag):
        if tag != "code":
            self.seen.append(f"/{tag}")

    def handle_data(self, data):
        self.text.append(data)

    def handle_comment(self, data):
        self.seen.append(("comment", data))


def _structure(html):
    parser = _Structure()
    parser.feed(html)
    return parser.seen


@settings(max_examples=25, deadline=None)
@given(name=HOSTILE)
@example(name='"><script>alert(1)</script>')
@example(name="</pre></title>")
def test_html_keeps_its_structure(build, name):
    plain, hostile = _judgement(build, "plain"), _judgement(build, name)
    pages = [
        render_html(judgement, context, _plots(judgement.result.findings))
        for judgement, context in (plain, hostile)
    ]
    assert _structure(pages[1]) == _structure(pages[0])


def _latex_structure(text):
    inert = re.sub(r"\\[&%]", "", text)
    return (inert.count("&"), inert.count("\\\\\n"), inert.count("\\begin{"), inert.count("\n"))


@settings(max_examples=40, deadline=None)
@given(name=HOSTILE)
@example(name="\\end{tabular} & \\\\ %")
def test_latex_keeps_its_structure(build, name):
    texts = [render_latex(*_judgement(build, n)) for n in ("plain", name)]
    assert _latex_structure(texts[1]) == _latex_structure(texts[0])


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.slow
def test_latex_of_hostile_names_compiles(build, tmp_path):
    name = "".join(PIECES)
    body = render_latex(*_judgement(build, name))
    (tmp_path / "t.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
        + body
        + "\\end{document}\n",
        encoding="utf-8",
    )
    command = [
        "pdflatex",
        "-interaction=nonstopmode",
        "-halt-on-error",
        "-no-shell-escape",
        "t.tex",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


@settings(max_examples=30, deadline=None)
@given(name=HOSTILE)
@example(name="x\n| y |")
@example(name=") [x](http://evil.example")
def test_the_pipeline_report_keeps_its_structure(build, name):

    def render(text):
        judgement, _ = _judgement(build, text)
        stage = PipelineStage(
            name=text,
            planned_steps=5000,
            state=StageState.NO_GO,
            result=judgement.result,
            report_path=f"5k/{text}/report.md",
            duration_s=1.0,
            evaluations=(EvaluationPoint(step=0, mean_return=1.0),),
        )
        crashed = PipelineStage(name=text, planned_steps=1, state=StageState.CRASHED, message=text)
        return render_pipeline_markdown(
            PipelineContext(
                title=text,
                generated_at=text,
                stages=(stage, crashed),
                next_commands=(Command(text=text, purpose=text),),
                git_revision=text,
                versions={text: text},
            )
        )

    assert _blocks(render(name)) == _blocks(render("plain"))
    assert _inline_kinds_of_pipeline(render(name)) == {"link_open": 1, "image": 0}


def _inline_kinds_of_pipeline(markdown):
    kinds = _inline_kinds(markdown)
    return {kind: kinds[kind] for kind in ("link_open", "image")}


@pytest.mark.parametrize("name", ["$\\frac{", "../../x\n| y |<b>\ud800日本"])
def test_plots_of_hostile_tags_are_drawn_into_the_plots_folder(build, name):
    judgement, context = _judgement(build, name)
    plots = draw_stage_plots(judgement.result, judgement.log, context.config)
    assert len(plots) == 4
    assert all(re.fullmatch(r"plots/[a-z0-9-]+\.png", plot.path) for plot in plots)


def test_jinja_in_a_name_is_never_evaluated(build):
    text = render_stage_markdown(*_judgement(build, "{{7*7}}"), ())
    assert "49" not in text.replace("149", "").replace("1,49", "")
    assert "&#123;&#123;7" in text
