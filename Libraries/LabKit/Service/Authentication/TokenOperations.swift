import FoundationEssentials
public import LabCore
import LabCrypto

/// A token's name: 1 to 64 printable characters of `A-Z a-z 0-9 . _ -`.
public struct TokenName: ValidatedText, JSONSchemaRepresentable {
    public let text: String

    public init(_ text: String) throws(InvalidText) {
        let isAllowed = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard isAllowed, (1...64).contains(text.utf8.count) else {
            throw InvalidText(
                "the name is not one for a token", remedy: "Use 1 to 64 letters, digits, dots, underscores and hyphens")
        }
        self.text = text
    }

    public static var jsonSchema: JSONSchema {
        .string(pattern: "^[A-Za-z0-9._-]{1,64}$", minimumLength: 1, maximumLength: 64, example: "phone")
    }
    public static var schemaExample: TokenName { get throws { try TokenName("phone") } }
}

/// `POST /v1/tokens`
struct CreateToken: Operation {
    struct Input: Codable, Sendable {
        struct Body: Codable, Sendable {
            let name: TokenName
            let scope: Scope
            let days: Days?
        }
        let body: Body
    }

    struct Output: Codable, Sendable {
        let name: String
        let scope: Scope
        let token: String
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "token.create", "Makes a bearer token; the answer is the only place where it can ever be read.",
            safety: .act, .post, "/v1/tokens", scope: .admin, successStatus: 201,
            fields: [
                "body/name": "Whom or what it is for.", "body/scope": "What it allows; each includes those before it.",
                "body/days": "How long it is valid; for ever when absent.",
            ])
    }

    func run(_ input: Input, _ call: OperationCall) async throws -> Output {
        let token = try await call.tokens.create(
            name: input.body.name.text, scope: input.body.scope,
            lifetime: input.body.days.map { .seconds($0.count * 86_400) })
        return Output(name: input.body.name.text, scope: input.body.scope, token: token.reveal())
    }
}

/// A number of days, 1 to 3650.
struct Days: Codable, Sendable, Hashable, JSONSchemaRepresentable {
    let count: Int

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        count = try container.decode(Int.self)
        guard (1...3650).contains(count) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not from 1 to 3650")
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(count)
    }

    private init(count: Int) { self.count = count }

    static var jsonSchema: JSONSchema { .integer(1...3650) }
    static var schemaExample: Days { Days(count: 90) }
}

/// `GET /v1/tokens`
struct ListTokens: Operation {
    struct Input: Codable, Sendable {}
    struct Output: Codable, Sendable {
        let items: [TokenDocument]
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "token.list", "Lists the tokens, without what would let anyone in.", safety: .read, .get, "/v1/tokens",
            scope: .admin)
    }

    func run(_ input: Input, _ call: OperationCall) async throws -> Output {
        Output(items: try await call.tokens.list())
    }
}

/// `DELETE /v1/tokens/{name}`
struct RevokeToken: Operation {
    struct Input: Codable, Sendable {
        let name: TokenName
    }
    struct Output: Codable, Sendable {
        let name: String
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "token.revoke", "Ends a token at once.", safety: .destructive, .delete, "/v1/tokens/{name}", scope: .admin)
    }

    func run(_ input: Input, _ call: OperationCall) async throws -> Output {
        guard try await call.tokens.revoke(name: input.name.text) else {
            throw Problem.notFound("a token named “\(input.name)”", remedy: "List them with GET /v1/tokens")
        }
        return Output(name: input.name.text)
    }
}
