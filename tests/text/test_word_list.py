import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastnlp.text.word_list import WordList

words_of_any_letters = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=20)


def unpacked(words):
    """The same words, of which no string is made yet."""
    packed = WordList.from_words("words", words)
    return WordList(packed.data, packed.offsets)


@given(words_of_any_letters, words_of_any_letters, st.randoms())
def test_strings_are_the_words_whether_they_are_made_before_or_after_others_are_chosen(words, more, random):
    places = [random.randrange(len(words)) for _ in words]
    wanted = [*(words[place] for place in places), *more]
    for made in (False, True):
        first, second = unpacked(words), unpacked(more)
        if made:
            assert first.strings == words and second.strings == more
        chosen = first.take(np.array(places, np.int64)) + second
        assert chosen.strings == wanted and [chosen[i] for i in range(len(chosen))] == wanted
