public import LabCore
public import LabService

/// What a secret of an app is called: the variable that its Compose file is filled in with. 1 to 64 capital letters,
/// digits and `_`, not beginning with a digit. Names that mean something to the programs that the lab starts are none.
public struct SecretName: ValidatedText, JSONSchemaRepresentable {
    public let text: String

    public init(_ text: String) throws(InvalidText) {
        let isVariable =
            text.utf8.allSatisfy { "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_".utf8.contains($0) }
            && text.first.map { !$0.isNumber } == true && text.utf8.count <= 64
        guard isVariable else {
            throw InvalidText(
                "it is not the name of a variable for a secret",
                remedy: "Use capital letters, digits and “_”, such as DATABASE_PASSWORD")
        }
        let isTaken =
            ["PATH", "HOME"].contains(text)
            || ["DOCKER_", "COMPOSE_", "LD_", "LAB_"].contains { text.hasPrefix($0) }
        guard !isTaken else {
            throw InvalidText("the programs that the lab starts read \(text)", remedy: "Use another name")
        }
        self.text = text
    }

    public static var jsonSchema: JSONSchema {
        .string(minimumLength: 1, maximumLength: 64, example: "DATABASE_PASSWORD")
    }
    public static var schemaExample: SecretName { get throws { try SecretName("DATABASE_PASSWORD") } }
}
