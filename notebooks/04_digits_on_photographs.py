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
# # Digits on photographs
# **One question: what can be said when an effect is looked for and not seen?**

# %%
import suppression as sup

scenes = sup.dataset("digits_on_photos", canvas=40, share=0.25, instances=4)
scenes.sample(8).show("Four unique digits on many photographs")

# %% [markdown]
# A few handwritten digits, the very same ones each time, lie on many photographs. The more
# different ones there are, the better the digits alone tell pictures apart. A paper (Chen, Luo and
# Li 2021) finds that SimCLR then keeps the digit and loses the photograph.
#
# **Predict.** Sketch how well the photograph is read after SimCLR, from 1 different digit to 256.

# %%
record = sup.record("digits_on_photos")
arms = ["simclr, tau 0.2", "supervised", "untrained"]
sup.lessons.panel(record, "scene", arms=arms, title="Read of the photograph")

# %% [markdown]
# **Explain.** An open marker stands for a single training, with one random seed. Its thin line is
# a 95 % interval over test pictures, and says nothing of how another training would end. Is there
# a fall? Before you conclude: did the digit compete with the photograph at all?

# %%
sup.lessons.panel(record, "digit", arms=arms, title="Read of the digit on its photograph")

# %% [markdown]
# **Explain.** Where SimCLR hardly reads the digit, nothing competes with the photograph. The
# supervised network, which is told the digit, reads it better: it can be seen. So these pictures
# did not produce the competition that the paper speaks of. That is no evidence against the paper.

# %%
print(record.verdict())

# %% [markdown]
# ## Exercises
# 1. By how many points does what SimCLR (tau 0.2) reads of the photograph (`scene`) change from 1
#    to 256 different digits? Give the sign.
# 2. Which word is right for the paper's claim here: "reproduced", "refuted" or "not reproduced"?
#
# **What this lesson does not show.** Longer training, larger pictures, more seeds.

# %%
change = None
sup.lessons.check("04.1", change)

# %%
word = None
sup.lessons.check("04.2", word)
