import HTTPTypes
import Hummingbird
import LabCore

/// Answers 405 with `Allow` where a path exists and the method does not (RFC 9110, section 15.5.6).
struct UnknownMethods: Sendable {
    /// The methods that each path knows.
    private let known: [String: Set<HTTPRequest.Method>]

    /// The methods of RFC 9110 with PATCH and QUERY; any other finds no path at all and gets 404.
    private static let methods: [HTTPRequest.Method] =
        [.get, .head, .put, .post, .delete, .patch, .options, .trace, .connect]
        + [HTTPRequest.Method(rawValue: "QUERY")].compactMap { $0 }

    init(operations: [OperationDeclaration], readOnlyPaths: [String]) {
        var known: [String: Set<HTTPRequest.Method>] = [:]
        for operation in operations {
            if let method = HTTPRequest.Method(rawValue: operation.method.rawValue) {
                known[operation.path, default: []].insert(method)
            }
        }
        for path in readOnlyPaths { known[path, default: []].insert(.get) }
        // The router makes HEAD of every GET.
        self.known = known.mapValues { $0.contains(.get) ? $0.union([.head]) : $0 }
    }

    func refuse(on router: Router<LabRequestContext>) {
        for (path, allowed) in known {
            let names = allowed.map(\.rawValue).sorted().joined(separator: ", ")
            for method in Self.methods where !allowed.contains(method) {
                router.on(RouterPath(path), method: method) { _, _ in Self.refusal(names) }
            }
        }
    }

    private static func refusal(_ allowed: String) -> Response {
        var response = Response.problem(
            Problem(
                .methodNotAllowed, title: "The path does not know this method", detail: "It knows \(allowed)",
                remedy: "Use one of these; /openapi.json says what each does"))
        response.headers[.allow] = allowed
        return response
    }
}
