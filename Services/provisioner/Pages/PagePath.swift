import LabCore

/// A page of the docs directory; its path follows from validated names only.
enum PagePath: Sendable, Hashable {
    case app(AppName)
    case index
    case changelog

    var relative: String {
        switch self {
        case .app(let name): "services/\(name).md"
        case .index: "index.md"
        case .changelog: "changelog.md"
        }
    }
}

/// Why a page could not be read or written.
enum PageError: Error, Sendable, Hashable, CustomStringConvertible {
    case notOurs(String)
    case cannotRead(String, String)
    case cannotWrite(String, String)

    var reason: String {
        switch self {
        case .notOurs: "PageIsNotOurs"
        case .cannotRead, .cannotWrite: "PageNotWritten"
        }
    }

    var description: String {
        switch self {
        case .notOurs(let path):
            "\(path) was written by somebody else and is left as it is. Move it away, or give the docs another "
                + "directory in LAB_DOCS_DIR"
        case .cannotRead(let path, let detail):
            "\(path) cannot be read: \(detail). Check the rights of LAB_DOCS_DIR"
        case .cannotWrite(let path, let detail):
            "\(path) cannot be written: \(detail). Check the rights and the free space of LAB_DOCS_DIR"
        }
    }
}
