import FoundationEssentials
import Hummingbird
import LabCore
import LabState
import NIOCore

/// Reads an operation's input from a request: path, query and body become one JSON document, which is checked against
/// the schema before the type decodes it.
struct InputReader: Sendable {
    private let schema: JSONSchema
    private let pathParameters: [(name: String, schema: JSONSchema)]
    private let queryParameters: [String: JSONSchema]
    private let hasBody: Bool
    /// The largest body that is read, in bytes.
    static let maximumBodyBytes = 1 << 20

    init(_ declaration: OperationDeclaration, schema: JSONSchema) {
        self.schema = schema
        let pathNames = declaration.pathParameters
        pathParameters = pathNames.map { ($0, schema.property($0) ?? .any) }
        hasBody = schema.property("body") != nil
        var query: [String: JSONSchema] = [:]
        for property in schema.properties where property.name != "body" && !pathNames.contains(property.name) {
            query[property.name] = property.schema
        }
        queryParameters = query
    }

    /// - Throws: ``Problem`` with every field that does not fit.
    func read<Input: Decodable>(_ type: Input.Type, _ request: Request, _ parameters: Parameters) async throws -> Input
    {
        var members: [String: JSONValue] = [:]
        for (name, schema) in pathParameters {
            guard let text = parameters.get(name) else { continue }
            members[name] = Self.value(PercentEncoding.decode(text) ?? text, schema)
        }
        if !queryParameters.isEmpty || request.uri.query != nil {
            try readQuery(request, into: &members)
        }
        if hasBody {
            members["body"] = try await readBody(request)
        }
        let value = JSONValue.object(members)
        let faults = schema.faults(in: value)
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        do {
            return try JSONText.decoder.decode(type, from: JSONEncoder().encode(value))
        } catch let problem as Problem {
            throw problem
        } catch {
            throw Problem.invalid([DecodingProblem.field(of: error)])
        }
    }

    private func readQuery(_ request: Request, into members: inout [String: JSONValue]) throws {
        for (key, value) in request.uri.queryParameters {
            let name = String(key)
            let text = String(value)
            guard let schema = queryParameters[name] else {
                let known = queryParameters.keys.sorted()
                throw Problem.invalid(
                    "/" + name.prefix(80), "the query parameter is not known",
                    remedy: known.isEmpty ? "Leave it out" : "Known are " + known.joined(separator: ", "))
            }
            guard members[name] == nil else {
                throw Problem.invalid("/" + name, "the query parameter is given twice", remedy: "Give it once")
            }
            members[name] = Self.value(text, schema)
        }
    }

    /// A parameter's text as the JSON value that its schema asks for; text that does not fit stays text, so
    /// that the schema refuses it.
    private static func value(_ text: String, _ schema: JSONSchema) -> JSONValue {
        switch schema.shape {
        case .integer: Int64(text).map { .integer($0) } ?? .string(text)
        case .number: Double(text).map { .number($0) } ?? .string(text)
        case .boolean: text == "true" ? true : text == "false" ? false : .string(text)
        default: .string(text)
        }
    }

    private func readBody(_ request: Request) async throws -> JSONValue {
        guard Self.isJSON(request.headers[.contentType]) else {
            throw Problem(
                .unsupportedMediaType, title: "The body is not JSON",
                detail: "the content type is \(request.headers[.contentType]?.prefix(80) ?? "missing")",
                remedy: "Send the header Content-Type: application/json")
        }
        let buffer: ByteBuffer
        do {
            buffer = try await request.body.collect(upTo: Self.maximumBodyBytes)
        } catch is NIOTooManyBytesError {
            throw Problem(
                .tooLarge, title: "The body is too large", detail: "it has more than 1 MiB",
                remedy: "Send at most \(Self.maximumBodyBytes) bytes")
        } catch let error where !(error is CancellationError) {
            // What the client sent is not the body of an HTTP request, or it went away before the end.
            throw Problem(
                .invalid, title: "The body cannot be read", detail: "it does not follow HTTP's framing, or breaks off",
                remedy: "Send it whole, with Content-Length or as well-formed chunks")
        }
        guard buffer.readableBytes > 0 else {
            throw Problem.invalid("/body", "the body is empty", remedy: "Send a JSON object")
        }
        do {
            return try JSONDecoder().decode(JSONValue.self, from: Data(buffer.readableBytesView))
        } catch {
            throw Problem.invalid(
                "/body", "the body is not JSON that can be read", remedy: "Send one JSON object in UTF-8")
        }
    }

    private static func isJSON(_ contentType: String?) -> Bool {
        guard let essence = contentType?.split(separator: ";").first else { return false }
        return essence.trimmingPrefix(while: { $0 == " " }).lowercased().split(separator: " ").first
            == "application/json"
    }
}
