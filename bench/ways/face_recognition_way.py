"""face_recognition, as its README has it: dlib's HOG and ResNet, distances at 0.6; `face_recognition_way ENROLLED`."""

import sys

import face_recognition

from ways.loop import serve


def main() -> None:
    """Enrol one picture and serve."""
    enrolled = face_recognition.face_encodings(face_recognition.load_image_file(sys.argv[1]))

    def recognise(path: str) -> str | None:
        encodings = face_recognition.face_encodings(face_recognition.load_image_file(path))
        return "enrolled" if any(any(face_recognition.compare_faces(enrolled, one)) for one in encodings) else None

    serve(recognise)


if __name__ == "__main__":
    main()
