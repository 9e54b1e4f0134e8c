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
# # A larger digit
# **One question: is the small digit lost because the large one is *there*, or because both views
# *share* it?**

# %%
import suppression as sup

sup.lessons.ladder("two_digits", canvas=64, size1=18, size2=[18, 22, 27, 36], n=2)

# %% [markdown]
# The first digit keeps its size, the second one grows. SimCLR sees two views of such scenes; its
# frozen features are then asked to *name* two digits, with both in sight, and the first one
# counts as read if it is among them. Guessing is right in one case of five.
#
# **Predict.** How well is the first digit read as the second one grows, after SimCLR and after
# supervised training? And by a network that was never trained?

# %%
record = sup.record("digit_size")
arms = ["simclr, tau 0.2", "supervised", "untrained"]
title = "Read of the first, small digit, both in sight"
sup.lessons.panel(record, "first", probe="named", arms=arms, title=title)

# %% [markdown]
# **Explain.** The supervised network shows that the digit can still be seen. But it was told what
# to look for; so does a fall of SimCLR prove that it *preferred* the large digit? A large digit is
# also in the way: it covers the small one, and takes room in the features.
#
# The control that decides changes only what the two views share. In the second view another large
# digit is drawn in the place of the first view's (second row below). It is in the way as before,
# and no longer of any use to tell pictures apart. The large digit is called the *competitor*.
#
# Move `redraw`, the share of pictures in which that is done, to 0 and back, and the competitor's
# side `size2`. Which of the two digits could you still use to tell which views belong together?

# %%
sizes, redraws = (18, 36, 36), (0.0, 1.0, 1.0)  # lowest, highest, at the beginning
sup.lessons.sliders("two_digits", canvas=64, size1=18, size2=sizes, redraw=redraws)

# %% [markdown]
# **Predict.** SimCLR is trained on these. How well is the first digit read beside the largest one?

# %%
arms = ["simclr, tau 0.2", "simclr, tau 0.2, competitor redrawn", "untrained"]
sup.lessons.panel(record, "first", probe="named", arms=arms, title="The same, no longer shared")

# %% [markdown]
# **Explain.** At the right end the two lines differ in one thing: whether both views share the
# large digit. At the left end redrawing is no help, so it is no easier task.
#
# ## Exercises
# 1. How many points of the first digit does redrawing bring beside the largest digit (36 px)?
#    `record.select(method="simclr", redraw=1.0, size2=36, ...)` with feature `first`, scenes
#    `together`, probe `named`; `sup.lessons.percent(rows)`.
# 2. Which line of the figures decides whether a fall is suppression: "untrained", "supervised" or
#    "competitor redrawn"?
# 3. Write `word(low, high)`: what the 95 % interval of a difference says, in one of three words:
#    "higher", "lower", "cannot tell".
#
# **What this lesson does not show.** These are 5,000 digits of MNIST, one size of network and one
# temperature. On all of MNIST the same comparison was run too few times to tell
# (`experiments/digit_size.md`).

# %%
points = None
sup.lessons.check("03.1", points)

# %%
decides = None
sup.lessons.check("03.2", decides)

# %%
word = None
sup.lessons.check("03.3", word)
