export { PopulationsPage } from './page';
