"""DeepFace.find in a directory with one picture: `deepface_way.py MODEL DETECTOR DIRECTORY`."""

import sys

from deepface import DeepFace

from ways.loop import serve


def main() -> None:
    """Let it enrol the directory and serve."""
    model, detector, directory = sys.argv[1:]

    def recognise(path: str) -> str | None:
        found = DeepFace.find(
            img_path=path,
            db_path=directory,
            model_name=model,
            detector_backend=detector,
            enforce_detection=False,
            refresh_database=False,
            silent=True,
        )
        return "enrolled" if any(len(face) for face in found) else None

    DeepFace.find(
        img_path=f"{directory}/enrolled.jpg",
        db_path=directory,
        model_name=model,
        detector_backend=detector,
        silent=True,
    )
    serve(recognise)


if __name__ == "__main__":
    main()
