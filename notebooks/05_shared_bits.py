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
# # A few shared bits
# **One question: how much must two views share before the picture is no longer learned?**

# %%
import suppression as sup

scenes = sup.dataset("random_bits", bits=8)
sup.lessons.bit_strip(scenes.sample(10), "Digits, and the eight bits that belong to each")

# %% [markdown]
# Each digit has eight bits of its own, black or white, which follow from its pixels. Both views
# of a digit are cropped anew; the bits are laid behind them after that, so both views share them
# exactly.
#
# **Predict.** SimCLR sees the digit *and* the bits. Its frozen features are then asked for the
# digit, by a linear readout. Guessing is right in about one case of ten. How many per cent does
# it read without bits, and how many beside eight? And a network that is taught the digit's name?
# Write your four numbers down, then run. It trains four networks, in about a minute.

# %%
LIVE = True  # False: nothing is trained, recorded rows are shown
result = sup.lessons.result("random_bits", live=LIVE)
arms = ["simclr, tau 0.2", "supervised", "untrained"]
sup.lessons.panel(result, "class", arms=arms, title="Read of the digit, its bits in sight")

# %% [markdown]
# **Explain.** Nothing hides the digit: it is as large and as clear as before, and the supervised
# network reads it. But the bits alone tell nearly every two digits apart. Once SimCLR uses them,
# its task is nearly solved, and the digit is worth next to nothing to it.
#
# **Predict.** Does it take all eight? And what does a lower temperature do, which makes the loss
# look at the hardest negatives: those that share the bits? The record has more bits and
# temperatures.

# %%
record = sup.record("random_bits")
arms = ["simclr, tau 0.2", "simclr, tau 0.1", "simclr, tau 0.05", "supervised"]
sup.lessons.panel(record, "class", arms=arms, title="The temperature decides when")

# %% [markdown]
# **Explain.** Of the negatives of an anchor, a share of 1 in 2^bits has its very bits. Only these
# make the loss ask for something else. There is a closed form for the most that is left to gain
# from the digit once the bits are used. Compare it with the figure above.

# %%
bits, left = range(0, 13), {}
for tau in (0.1, 0.2, 0.5):
    left[f"tau {tau}"] = [sup.metrics.incentive(k, batch=128, tau=tau) for k in bits]
labels = {"x_label": "bits that the two views share", "y_label": "left to gain, nats"}
sup.lessons.curve(bits, left, **labels)

# %% [markdown]
# ## Exercises
# 1. How many different codes do eight bits have?
# 2. How many per cent does SimCLR at `tau=0.2` read beside *four* bits, in the record, over all
#    seeds? `record.select(...)` finds rows, `sup.lessons.percent(rows)` their mean.
# 3. Write `gain(bits, batch, tau)`, the closed form: log of (1 + K d + K (1 - d) e^(-1/tau)) over
#    (1 + K e^(-1/tau)), with K = 2 (batch - 1) negatives and d = 2^-bits.
#
# **What this lesson does not show.** The live run has one seed. "No longer read" is said of a
# *linear* readout with the bits in sight; the experiment's page tells what is read with the bits
# hidden.

# %%
codes = None
sup.lessons.check("05.1", codes)

# %%
beside_four = None
sup.lessons.check("05.2", beside_four)

# %%
gain = None
sup.lessons.check("05.3", gain)
