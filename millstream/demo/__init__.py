"""The demo: the flights of 2013, streamed in time order; will this one arrive late?"""
