import ArgumentParser
import FoundationEssentials
import Glibc
import LabKit

/// `lab call dns.record.put name=nas.home.arpa:a body.type=A body.values='["192.0.2.5"]'`: every operation there is.
struct Call: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask for any operation by its name; without one, list them all.",
        discussion: """
            Arguments are field=value, with dots into the body: body.ttl=60. A value that is JSON is taken as such.
            A whole body comes from a file, or from standard input: --body FILE, --body -.
            """)

    @Argument(
        help: "The operation, such as dns.record.put.",
        completion: .list(labOperations.map { $0.declaration.name }.sorted()))
    var operation: String?

    @Argument(help: "Its fields, as field=value.")
    var fields: [String] = []

    @Option(help: ArgumentHelp("The body as JSON.", valueName: "file"), completion: .file())
    var body: String?

    @Flag(help: "Do not ask before something is taken away.")
    var yes = false

    @OptionGroup var options: LabOptions

    func run() async throws {
        guard let operation else { return try list() }
        guard let found = labOperations.first(where: { $0.declaration.name == operation }) else {
            let nearest = SpellingDistance.nearest(to: operation, among: labOperations.map { $0.declaration.name })
            throw CommandFault(
                "there is no operation “\(operation)”",
                remedy: nearest.map { "Did you mean \($0)?" } ?? "See them all with “lab call”", status: 64)
        }
        let call = try OperationCallText(found, fields: fields, body: try readBody())
        if found.declaration.safety == .destructive {
            try Confirmation.ask("\(found.declaration.summary) Go on?", isGiven: yes)
        }
        let client = try LabClient(options)
        let answer = try await client.request(call.method, call.path, body: call.body)
        Terminal.standardOutput.line(options.json ? answer.text : try Self.pretty(answer))
    }

    private func list() throws {
        let operations = labOperations.map(\.declaration).sorted { $0.name < $1.name }
        if options.json {
            let document: [JSONValue] = operations.map {
                ["name": .string($0.name), "summary": .string($0.summary), "safety": .string($0.safety.rawValue)]
            }
            return Terminal.standardOutput.line(try JSONText(encoding: document).text)
        }
        var table = Table(["OPERATION", "SAFETY", "WHAT IT DOES"])
        for operation in operations {
            table.add([
                Table.Cell(operation.name, .bold), Table.Cell(operation.safety.rawValue),
                Table.Cell(operation.summary),
            ])
        }
        table.write(to: .standardOutput)
    }

    private func readBody() throws -> JSONValue? {
        guard let body else { return nil }
        let data = body == "-" ? try StandardInput.read() : FileManager.default.contents(atPath: body)
        guard let data else { throw CommandFault("\(body) cannot be read") }
        do {
            return try JSONText(trusted: String(decoding: data, as: UTF8.self)).decode(JSONValue.self)
        } catch {
            throw CommandFault("\(body) is not JSON: \(DecodingProblem.describe(error))", status: 64)
        }
    }

    private static func pretty(_ text: JSONText) throws -> String {
        let encoder = JSONText.encoder
        encoder.outputFormatting.insert(.prettyPrinted)
        return String(decoding: try encoder.encode(try text.decode(JSONValue.self)), as: UTF8.self)
    }
}

/// An operation with the fields of one call, as an HTTP request.
struct OperationCallText {
    let method: HTTPMethod
    let path: String
    let body: JSONText?

    /// - Throws: ``CommandFault`` for a field that is not `field=value`, ``Problem`` for one that the operation does not
    ///   take.
    init(_ operation: any LabKit.Operation, fields: [String], body given: JSONValue?) throws {
        let declaration = operation.declaration
        let schema = try operation.inputSchema()
        var input: [String: JSONValue] = [:]
        var bodyValue = given ?? .object([:])
        for field in fields {
            guard let equals = field.firstIndex(of: "="), equals != field.startIndex else {
                throw CommandFault("“\(field)” is not field=value", status: 64)
            }
            let name = field[..<equals].split(separator: ".").map(String.init)
            let text = String(field[field.index(after: equals)...])
            if name.first == "body", name.count > 1 {
                bodyValue = Self.setting(Self.value(text), at: name.dropFirst(), in: bodyValue)
            } else {
                let isNumber =
                    if case .integer? = schema.property(name.joined(separator: "."))?.shape { true } else { false }
                input[name.joined(separator: ".")] = isNumber ? Self.value(text) : .string(text)
            }
        }
        let hasBody = schema.property("body") != nil
        if hasBody { input["body"] = bodyValue }
        let faults = schema.faults(in: .object(input))
        guard faults.isEmpty else { throw Problem.invalid(faults) }

        method = HTTPMethod(declaration.method.rawValue)
        var path = declaration.path
        var query: [String] = []
        for (name, value) in input.sorted(by: { $0.key < $1.key }) where name != "body" {
            let text = value.stringValue ?? value.intValue.map { String($0) } ?? ""
            let segment = try PathSegment(text).text
            if declaration.pathParameters.contains(name) {
                path = path.replacing("{\(name)}", with: segment)
            } else {
                query.append("\(name)=\(segment)")
            }
        }
        self.path = path + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
        body = hasBody ? try JSONText(encoding: bodyValue) : nil
    }

    /// JSON where the text is JSON of another type than a string; else the text itself.
    private static func value(_ text: String) -> JSONValue {
        guard let value = try? JSONText(trusted: text).decode(JSONValue.self) else { return .string(text) }
        return value
    }

    private static func setting(_ value: JSONValue, at path: ArraySlice<String>, in object: JSONValue) -> JSONValue {
        guard let key = path.first else { return value }
        var members = object.objectValue ?? [:]
        members[key] = setting(value, at: path.dropFirst(), in: members[key] ?? .object([:]))
        return .object(members)
    }
}
