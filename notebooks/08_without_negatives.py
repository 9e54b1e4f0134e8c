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
# # Without negatives
# **One question: if nothing pushes pictures apart, what keeps a network from saying the same of
# all?**

# %%
import suppression as sup

scenes = sup.dataset("random_bits", bits=0)
scenes.sample(8).show("Two views: make their outputs alike")

# %% [markdown]
# Two methods without negatives. SimSiam asks only that the outputs of the two views be alike. One
# constant output would do that perfectly: *collapse*. SimSiam avoids it with a small network on one
# side, the predictor, and by stopping the gradient on the other side. VICReg instead also asks each
# output to vary from picture to picture.
#
# **Predict.** The *spread* is 1 where outputs point everywhere and 0 where they are one point.
# Sketch its curve over training: SimSiam, SimSiam without a predictor, VICReg, VICReg without its
# term for the variance. Then run: about 40 seconds.

# %%
LIVE = True  # False: nothing is trained here
settings = {"steps": 75, "width": 8, "stem": 2, "optimiser": "muon", "lr": 1e-2}
settings["collapse"] = "go_on"  # else training stops where outputs collapse
small = {"head_width": 256, "z_dim": 256}
arms = {"simsiam": {}, "simsiam, no predictor": {"predictor": "identity"}}
arms |= {"vicreg": small, "vicreg, no variance": {"variance": 0.0, **small}}
trained = {}
for name, more in arms.items() if LIVE else []:
    trained[name] = sup.fit(scenes, method=name.split(",")[0], **settings, **more)
sup.lessons.traces(trained, "spread") if LIVE else "see the record below"

# %% [markdown]
# **Explain.** Which one collapsed? So short a training may show only the start of it, and spread
# alone misleads: outputs along one line vary, and still say only one number. The *effective rank*
# counts in how many directions outputs vary. It is recorded after longer training, without bits
# and beside four bits that both views share (lesson 05).

# %%
record = sup.record("simsiam_collapse")
arms = ["simsiam", "simsiam, predictor identity", "simsiam, predictor fixed"]
of = {"scenes": "views", "probe": "contrast", "measure": "rank"}
sup.lessons.panel(record, "pairs", arms=arms, title="Effective rank of the outputs", **of)

# %% [markdown]
# **Predict.** The outputs of one of these networks vary in few directions. Is the digit still read
# from its *features*, which lie below the output?

# %%
arms = ["simsiam", "simsiam, predictor identity", "random_features"]
sup.lessons.panel(record, "class", arms=arms, title="Read of the digit")

# %% [markdown]
# **Explain.** Collapse of the output is not collapse of the features: compare with
# `random_features`, a network that was never trained. And a network that does not collapse can
# still lose the digit: look at four bits.
#
# ## Exercises
# 1. Write `spread(z)` of outputs (n, d): each row made of length 1, the standard deviation of
#    each coordinate (`z.std(0)`), their mean, times the square root of d. It is 0 after a
#    collapse.
# 2. Which part did the collapsing SimSiam lack: "predictor", "stop-gradient" or "batch norm"?
# 3. How many per cent of digits are read from that network's features without bits, in the record?
#
# **What this lesson does not show.** Each network was trained once, it is small, and training has
# 250 steps; what later steps would bring is not known.

# %%
spread = None
sup.lessons.check("08.1", spread)

# %%
lacked = None
sup.lessons.check("08.2", lacked)

# %%
still_read = None
sup.lessons.check("08.3", still_read)
