# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A larger digit suppresses a smaller one
#
# Two views of one picture share two digits. A contrastive network needs only one of them to tell pictures apart: which one does it keep?
# Here everything runs at *smoke* scale, in seconds, to show the way; it is far too small to show the effect. The recorded laptop-scale result is at the end.

# %%
# %matplotlib inline
from pathlib import Path
from tempfile import mkdtemp

from IPython.display import SVG, display

from suppression.execution.context import Context
from suppression.execution.runner import run_cell
from suppression.experiment.files import find
from suppression.experiment.plan import make_plan
from suppression.experiment.rows import long_rows
from suppression.reporting.figures import figure
from suppression.reporting.samples import sheet

# %% [markdown]
# ## The data, and two views of each picture
# The first digit is small, the second large; the classes stand above. Each view is a random crop, resized. What do both views share?

# %%
laptop = make_plan("digit_size", scale="laptop", pins={"tau": [0.2]})
cell = next(cell for cell in laptop.cells if cell["method"] == "simclr" and cell["size2"] == laptop.axis[-1])
sheet(cell, title=laptop.card.title)

# %% [markdown]
# ## Train and probe
# One *cell* is one network: its data, its method, its seed. `run_cell` trains it and asks it for each digit: once with only that digit visible, once with both.

# %%
plan = make_plan("digit_size", scale="smoke", pins={"tau": [0.2]})
context = Context(store=Path(mkdtemp()))
done = [(cell, run_cell(cell, plan.probe, context)) for cell in plan.cells]
rows = long_rows(plan, done)
for row in rows[:4]:
    print(f"{row['method']}, size2 {row['size2']}: {row['feature']} digit {row['scenes']}: {row['accuracy']:.2f} [{row['low']:.2f}, {row['high']:.2f}]")

# %% [markdown]
# ## The figure
# At smoke scale (a few steps of a tiny network) nothing has been learned yet, and the intervals say so.

# %%
figure(plan, rows)

# %% [markdown]
# ## The same at laptop scale
# Recorded with `python -m suppression.exp digit_size`; the crosses are the published values of the talk (a 112-px canvas and MNIST).

# %%
recorded = find("experiments", "digit_size").with_name("digit_size.laptop.svg")
display(SVG(recorded)) if recorded.exists() else print("not recorded yet")

# %% [markdown]
# **Try it.** What happens to the first digit at a lower temperature? Which parameter would you turn to bring it back? `python -m suppression.exp digit_size --help` names them all.
