"""The site: `sphinx-build -W -c docs . build/site` from the top of a checkout."""

from __future__ import annotations

project = "suppression"
author = "the authors of suppression"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
# The pages are those of the repository; nothing is copied.
include_patterns = [
    "docs/*.md",
    "README.md",
    "CONTRIBUTING.md",
    "notebooks/*.ipynb",
    "notebooks/README.md",
    "experiments/*.md",
    "audits/README.md",
    "datasets/README.md",
    "benchmarks/README.md",
]
nb_execution_mode = "off"  # the tests run the lessons
myst_heading_anchors = 3
# Pages of GitHub may begin with another level; the index of experiments leads to theirs.
suppress_warnings = ["myst.header", "toc.not_included"]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
html_theme = "alabaster"
html_theme_options = {"page_width": "1100px", "description": "feature suppression, measured"}
html_static_path = ["static"]
html_css_files = ["site.css"]
