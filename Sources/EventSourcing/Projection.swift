/// A read model: folds messages of several logs into rows. Rebuilt at will, and without effects on
/// the outside.
///
/// It may rely on the order within one log only; across logs every interleaving must give the same
/// rows.
public protocol Projection {
    /// What it reads.
    associatedtype Input
    /// The place its rows are kept.
    associatedtype Store

    /// The name it is listed, rebuilt and monitored by.
    static var name: String { get }
    /// Changes whenever the rows that the same events lead to change: another version is rebuilt.
    static var version: Int { get }

    /// Folds one input into `store`. Throws only where the store fails; input it does not know is
    /// passed over.
    mutating func apply(_ input: Input, to store: Store) throws
}
