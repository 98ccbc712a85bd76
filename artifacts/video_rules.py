"""How the frames of a video are joined to one score: the rules' names. Imports nothing but the standard library."""

from typing import Literal

# A rule joins the frames of one face; a video gets the score of its highest face. `model.video_logits` defines them.
VideoRule = Literal["mean_logit", "median_logit", "mean_probability", "max_logit"]
VIDEO_RULES: dict[VideoRule, str] = {
    "mean_logit": "A video's score is the mean logit of its frames.",
    "median_logit": "A video's score is the median logit of its frames.",
    "mean_probability": "A video's score is the mean fake probability of its frames.",
    "max_logit": "A video's score is the highest logit of its frames.",
}

# Whose frames count: those of the most prominent person of a video, or of everyone.
Faces = Literal["main", "all"]
