"""Users' problems with right answers, and how a run is judged by them."""
