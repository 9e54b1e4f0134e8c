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
# As in lesson 05, each digit has bits that both views share. Every method sees the same pictures,
# in the same crops, for the same number of steps, from the same initial network, with the settings
# of its own paper. Some tell pictures apart (SimCLR, MoCo, instance discrimination, CPC), some
# predict one view from the other (BYOL, SimSiam, SwAV, DINO), some spread their outputs (VICReg,
# Barlow Twins), one draws the picture again (autoencoder).
#
# **Predict.** Beside *two* bits: which family keeps the digit, and which loses it first?

# %%
record = sup.record("who_suppresses")
sup.lessons.ranking(record, "class", at=2)

# %% [markdown]
# **Explain.** `seeds` says how often each was trained; `low` and `high` are a 95 % interval where
# that is often enough. Two rows were never trained: `untrained` is the initial network, and in
# `random_features` all its layers are at work. Whoever stands below these two reads less than a
# network that has learned nothing. Now add more bits.

# %%
arms = ["supervised", "autoencoder", "instdisc", "simclr", "byol", "simsiam", "random_features"]
title = "Read of the digit as bits are added: who keeps it, and until when?"
sup.lessons.panel(record, "class", arms=arms, title=title)

# %% [markdown]
# **Predict.** What helps? Eighteen remedies were each compared with the same training without it,
# on the pictures of lesson 07: a digit in a colour of its own, which both views share. Which would
# you bet on: another loss, a lower temperature, more training, or drawing the picture again, too?

# %%
board = sup.record("remedies")
board.plot(style="slide")

# %% [markdown]
# **Explain.** Two *oracles* know what no method would know, the colour; they say how much there is
# to win. To draw the picture again (`reconstruction`, `ltd`) a network needs all of it. Two other
# losses help at no cost; three times the training does not. The dotted line is the network that
# was never trained.
#
# ## Exercises
# 1. Of the methods without labels, which reads the digit worst beside two bits?
# 2. The bits, or the colour, are the digit's *competitor*. Write `retention(together, alone,
#    chance)` of three accuracies: what is read beside the competitor (`together`) above guessing
#    (`chance`), as a share of what is read without it (`alone`) above guessing.
# 3. `sup.leaderboard()` has the figure's numbers as rows. How many points does three times the
#    training (`samples 28800`) gain or lose beside 64 colours (`bits=6`)?
#    `board.select(bits=6, ...)` has them.
#
# **What this lesson does not show.** Many numbers are of a single training, there is one set of
# pictures, and no method was tuned for it. Of neighbours in these tables one mostly cannot tell
# which is better.

# %%
worst = None
sup.lessons.check("09.1", worst)

# %%
retention = None
sup.lessons.check("09.2", retention)

# %%
points = None
sup.lessons.check("09.3", points)
