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
# # Who suppresses, and what helps?
# **One question: is it contrastive learning that suppresses, or learning without labels?**

# %%
import suppression as sup

scenes = sup.dataset("random_bits", bits=2)
sup.lessons.bit_strip(scenes.sample(10), "Two shared bits: four codes for all digits")

# %% [markdown]
# Every method sees the same pictures, in the same crops, for the same number of steps, from the
# same initial network, at its papers' settings. Some tell pictures apart (SimCLR, MoCo, instance
# discrimination, CPC), some predict one view from the other (BYOL, SimSiam, SwAV, DINO), some
# spread their outputs (VICReg, Barlow Twins), one draws the picture again (autoencoder).
#
# **Predict.** Beside *two* bits: which family keeps the digit, and which loses it first?

# %%
record = sup.record("who_suppresses")
sup.lessons.ranking(record, "class", at=2)

# %% [markdown]
# **Explain.** The interval is given where there are seeds enough for one. Note where
# `random_features` stands, a random network that was never trained: whoever is below it reads
# less than one that has learned nothing. Now let the bits grow.

# %%
arms = ["supervised", "autoencoder", "instdisc", "simclr", "byol", "simsiam", "random_features"]
title = "Read of the digit as bits are added: who keeps it, and until when?"
sup.lessons.panel(record, "class", arms=arms, title=title)

# %% [markdown]
# **Predict.** What helps? Eighteen remedies were each put beside the same training without it, on
# another data set: a digit beside its colour, which both views share. Which would you bet on:
# another loss, a lower temperature, more training, or drawing the picture again as well?

# %%
board = sup.record("remedies")
board.plot(style="slide")

# %% [markdown]
# **Explain.** Two *oracles* know what no method would, the colour; they say how much there is to
# win. To draw the picture again (`reconstruction`, `ltd`) one needs the whole of it. Two losses
# help at no cost; three times the training does not. The dotted line is the random network.
#
# ## Exercises
# 1. Of the methods without labels, which reads the digit worst beside two bits?
# 2. Write `retention(together, alone, chance)`: the share of what is read without a competitor,
#    above guessing, that is left beside one.
# 3. `sup.leaderboard()` has the board as rows. How many points does three times the training
#    (`samples 28800`) gain or lose beside 64 colours alone? `board.select(bits=6, ...)` has them.
#
# **What this lesson does not show.** One seed at many places, one set of pictures, each method as
# it comes and not at its best. Neighbours in these tables are mostly "cannot tell", not ranks.

# %%
worst = None
sup.lessons.check("09.1", worst)

# %%
retention = None
sup.lessons.check("09.2", retention)

# %%
points = None
sup.lessons.check("09.3", points)
