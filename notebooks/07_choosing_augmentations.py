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
# # Choosing augmentations is choosing the task
# **One question: can one decide which of two shared features is learned, without a label?**

# %%
import suppression as sup

scenes = sup.dataset("coloured_digits", bits=6)
jitter = sup.datasets.Augmentation(area_min=0.5, jitter=1.0)
scenes.sample(8, augmentation=jitter).show("Each digit has a colour of its own; views are jittered")

# %% [markdown]
# Every digit is painted in its own one of 64 colours, so colour tells pictures apart, as the
# shared bits did in lesson 05. Jitter changes the colours of each view at random.
#
# **Predict.** How well is the digit read after SimCLR without jitter, and with more and more of
# it? Four networks are trained, in about a minute.

# %%
LIVE = True  # False: nothing is trained, recorded results are shown
result = sup.lessons.result("coloured_digits", live=LIVE)
sup.lessons.panel(result, "digit", title="Read of the digit, its colour in sight")

# %% [markdown]
# **Explain.** The pictures on which the digit is read are not jittered: their colour is as easy to
# see as before. What has changed is whether it was of use in training. An augmentation says what
# does not matter.
#
# **Predict.** In the next experiment objects have a shape, a texture and a colour. Further to the
# right, the three go together more often in training, until one tells the other two (correlation
# 1). What does jitter do to the shape, what to the colour?

# %%
record = sup.record("trifeature")
arms = ["simclr, tau 0.2", "simclr, tau 0.2, jitter 1.0, gray 0.2", "supervised"]
sup.lessons.panel(record, "shape", arms=arms, title="Shape")

# %%
sup.lessons.panel(record, "colour", arms=arms, title="Colour")

# %% [markdown]
# **Explain.** The remedy costs: where the task is to tell colours, jitter is the wrong choice.
#
# ## Exercises
# 1. How many points of the *shape* does jitter bring at correlation 1 (tau 0.2)?
# 2. Which feature loses most by jitter there: "shape", "texture" or "colour"?
#
# **What this lesson does not show.** What to do where you do not know the easy feature, or cannot
# disturb it alone. At correlation 1 the supervised network reads little of the shape, too: there
# it does not show what could be learned.

# %%
points = None
sup.lessons.check("07.1", points)

# %%
loses = None
sup.lessons.check("07.2", loses)
