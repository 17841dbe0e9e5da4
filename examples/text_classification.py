"""Which language is it? Letters and pairs of letters tell, also in words that were never seen.

The classifier of fastText (Joulin et al. 2016, "Bag of Tricks for Efficient Text Classification"):
a vector for each letter and pair, their mean, and a softmax. Sentences are thrown together from
fifty words of each language; a quarter of the words is in the sentences for testing only.

    python examples/text_classification.py [--epochs 5]
"""

import argparse

import numpy as np

import lamina as lm

WORDS = {
    "Czech": """člověk ruka den život žena svět místo dům práce slovo město voda hlava dítě noc
        strana oko rok muž země dveře cesta otec matka kniha škola strom slunce řeka květina
        vidět slyšet mluvit psát číst chodit spát jíst pít hledat velký malý dobrý špatný nový
        starý rychlý pomalý krásný teplý""",
    "English": """person hand day life woman world place house work word town water head child night
        side eye year man country door way father mother book school tree sun river flower
        see hear speak write read walk sleep eat drink search big small good bad new old quick
        slow beautiful warm""",
    "Finnish": """ihminen käsi päivä elämä nainen maailma paikka talo työ sana kaupunki vesi pää
        lapsi yö puoli silmä vuosi mies maa ovi tie isä äiti kirja koulu puu aurinko joki kukka
        nähdä kuulla puhua kirjoittaa lukea kävellä nukkua syödä juoda etsiä suuri pieni hyvä
        huono uusi vanha nopea hidas kaunis lämmin""",
    "French": """personne main jour vie femme monde endroit maison travail mot ville eau tête enfant
        nuit côté œil année homme pays porte chemin père mère livre école arbre soleil rivière
        fleur voir entendre parler écrire lire marcher dormir manger boire chercher grand petit
        bon mauvais nouveau vieux rapide lent beau chaud""",
    "German": """Mensch Hand Tag Leben Frau Welt Ort Haus Arbeit Wort Stadt Wasser Kopf Kind Nacht
        Seite Auge Jahr Mann Land Tür Weg Vater Mutter Buch Schule Baum Sonne Fluss Blume sehen
        hören sprechen schreiben lesen gehen schlafen essen trinken suchen groß klein gut
        schlecht neu alt schnell langsam schön warm""",
    "Italian": """persona mano giorno vita donna mondo luogo casa lavoro parola città acqua testa
        bambino notte lato occhio anno uomo paese porta strada padre madre libro scuola albero
        sole fiume fiore vedere sentire parlare scrivere leggere camminare dormire mangiare bere
        cercare grande piccolo buono cattivo nuovo vecchio veloce lento bello caldo""",
}
LANGUAGES = list(WORDS)


def sentences(
    count: int, held_out: bool, words: int = 4, seed: int = 0
) -> tuple[list[str], np.ndarray]:
    """Sentences of some words of one language each, and the number of the language."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(LANGUAGES), count)
    texts = []
    for label in labels:
        all_words = WORDS[LANGUAGES[label]].split()
        chosen = [word for k, word in enumerate(all_words) if (k % 4 == 0) is held_out]
        texts.append(" ".join(rng.choice(chosen, words)))
    return texts, labels


def network(texts: list[str]) -> lm.Sequential:
    """Texts in, the probability of each language out."""
    vectorize = lm.layers.TextVectorization(split="character", ngrams=2)
    vectorize.adapt(texts)
    return lm.Sequential(
        [
            vectorize,
            lm.layers.Embedding(vectorize.vocabulary_size(), 32, mask_zero=True),
            lm.layers.GlobalAveragePooling1D(),
            lm.layers.Dropout(0.5),
            lm.layers.Dense(len(LANGUAGES), activation="softmax"),
        ]
    )


def main(epochs: int = 5) -> float:
    """Train and test; returns the accuracy on sentences of words that are new."""
    lm.set_seed(0)
    texts, labels = sentences(3000, held_out=False)
    new_texts, new_labels = sentences(1000, held_out=True, seed=1)
    model = network(texts)
    model.compile(lm.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(texts, labels, epochs=epochs, verbose=2)
    _, accuracy = model.evaluate(new_texts, new_labels, verbose=0)
    print(f"accuracy on sentences of words never seen: {accuracy:.3f}")
    for text in ("the weather is lovely", "das Wetter ist herrlich", "sää on ihana"):
        odds = model.predict([text], verbose=0)[0]
        print(f"    {text:26}{LANGUAGES[odds.argmax()]:10}{odds.max():.2f}")
    return accuracy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    main(parser.parse_args().epochs)
