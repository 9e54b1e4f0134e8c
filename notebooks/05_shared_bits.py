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
# Each digit has eight bits of its own, black or white, which follow from its pixels. Two views of
# a digit are two different crops. After that the bits are added to both as eight further channels,
# each all black or all white. So the two views share the bits exactly.
#
# **Predict.** SimCLR (lesson 00) sees the digit *and* the bits. Then the network is frozen, and a
# linear classifier on its features is asked for the digit. Guessing is right in about one case of
# ten. How many per cent does it get right without bits, and how many beside eight? And what about
# a supervised network, which is told the digit's name in training? Write your four numbers down,
# then run. Four networks are trained, in about a minute.

# %%
LIVE = True  # False: nothing is trained, recorded results are shown
result = sup.lessons.result("random_bits", live=LIVE)
arms = ["simclr, tau 0.2", "supervised", "untrained"]
sup.lessons.panel(result, "class", arms=arms, title="Read of the digit, its bits in sight")

# %% [markdown]
# **Explain.** Nothing hides the digit: it is as large and as clear as before, and the supervised
# network reads it. But the bits alone tell nearly every two digits apart. Once SimCLR uses them,
# its task is nearly solved, and the digit is worth next to nothing to it.
#
# **Predict.** Does it take all eight? And what does a lower temperature do? It makes the loss look
# at the pictures that are hardest to tell from the anchor: those with the same bits. Longer
# trainings, with more numbers of bits and temperatures, come with the package as a *record*.

# %%
record = sup.record("random_bits")
arms = ["simclr, tau 0.2", "simclr, tau 0.1", "simclr, tau 0.05", "supervised"]
sup.lessons.panel(record, "class", arms=arms, title="The temperature decides when")

# %% [markdown]
# **Explain.** Of all other pictures, 1 in 2^bits has the very bits of the anchor. Only these make
# the loss ask for something else. There is a formula for the most by which the digit can still
# lower the loss once the bits are used. Compare its curves with the figure above.

# %%
bits, left = range(0, 13), {}
for tau in (0.1, 0.2, 0.5):
    left[f"tau {tau}"] = [sup.metrics.incentive(k, batch=128, tau=tau) for k in bits]
labels = {"x_label": "bits that the two views share", "y_label": "left to gain, nats"}
sup.lessons.curve(bits, left, **labels)

# %% [markdown]
# ## Exercises
# 1. How many different codes do eight bits have?
# 2. How many per cent of digits does SimCLR at `tau=0.2` read beside *four* bits, in the record?
#    `record.select(...)` finds rows, one for each training, `sup.lessons.percent(rows)` their mean.
# 3. Write `gain(bits, batch, tau)`, the formula: the logarithm of the ratio
#    `(1 + K*d + K*(1-d)*exp(-1/tau)) / (1 + K*exp(-1/tau))`, where `K = 2*(batch-1)` is the number
#    of other views and `d = 2**-bits`.
#
# **What this lesson does not show.** Each network was trained once here. "No longer read" is said
# of a *linear* classifier with the bits in sight; what is read with the bits hidden is on the
# experiment's page (`experiments/random_bits.md`).

# %%
codes = None
sup.lessons.check("05.1", codes)

# %%
beside_four = None
sup.lessons.check("05.2", beside_four)

# %%
gain = None
sup.lessons.check("05.3", gain)
