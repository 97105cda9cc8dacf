import FoundationEssentials
import HTTPTypes
import Hummingbird
import LabCore
import LabState
import NIOCore

extension Response {
    /// A JSON answer.
    static func json(_ document: JSONText, status: Int = 200) -> Response {
        text(document.text, contentType: "application/json", status: status)
    }

    static func text(_ text: String, contentType: String, status: Int = 200) -> Response {
        let buffer = ByteBuffer(string: text)
        return Response(
            status: .init(code: status),
            headers: [.contentType: contentType, .contentLength: String(buffer.readableBytes)],
            body: .init(byteBuffer: buffer))
    }

    /// An answer of RFC 9457.
    static func problem(_ problem: Problem) -> Response {
        var response = text(
            problem.document.text, contentType: "application/problem+json", status: problem.status)
        switch problem.reason {
        case .unauthenticated: response.headers[.wwwAuthenticate] = #"Bearer realm="lab""#
        case .unavailable, .tooManyRequests: response.headers[.retryAfter] = "1"
        default: break
        }
        return response
    }
}

extension Problem {
    /// The problem as `application/problem+json`: `remedy` and `errors` are extension members.
    var document: JSONText {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("type")
            writer.string("about:blank")
            writer.key("title")
            writer.string(title)
            writer.key("status")
            writer.integer(Int64(status))
            writer.key("detail")
            writer.string(detail)
            if let remedy {
                writer.key("remedy")
                writer.string(remedy)
            }
            if !fields.isEmpty {
                writer.key("errors")
                writer.array { writer in
                    for field in fields {
                        writer.object { writer in
                            writer.key("pointer")
                            writer.string(field.pointer)
                            writer.key("detail")
                            writer.string(field.detail)
                            writer.key("remedy")
                            writer.string(field.remedy)
                        }
                    }
                }
            }
        }
        return JSONText(trusted: writer.text)
    }

    /// The schema of ``document``.
    static let schema = JSONSchema.object([
        .init("type", .string()),
        .init("title", .string()),
        .init("status", .integer(400...599)),
        .init("detail", .string()),
        .init("remedy", .string(), isRequired: false),
        .init(
            "errors",
            .array(
                of: .object([
                    .init("pointer", .string()), .init("detail", .string()), .init("remedy", .string()),
                ])), isRequired: false),
    ])
}
